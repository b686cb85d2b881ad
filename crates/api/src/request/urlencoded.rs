//! `a=1&b=2%20x`: the form that URLs and POST bodies share.

/// The most parameters of one request; those past it are not looked at.
pub(crate) const PARAMS_MAX: usize = 10_000;

/// Reads pairs in their order; what is not UTF-8 gets replacement characters.
pub(crate) fn parse(text: &[u8]) -> impl Iterator<Item = (String, String)> + '_ {
    text.split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .take(PARAMS_MAX)
        .map(|pair| {
            let equals = pair
                .iter()
                .position(|byte| *byte == b'=')
                .unwrap_or(pair.len());
            let value = pair.get(equals + 1..).unwrap_or_default();
            (decode(&pair[..equals]), decode(value))
        })
}

fn decode(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        at += 1;
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => match text.get(at..at + 2).and_then(hex) {
                Some(decoded) => {
                    at += 2;
                    decoded
                }
                None => b'%',
            },
            other => other,
        });
    }
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn hex(digits: &[u8]) -> Option<u8> {
    let value = |digit: u8| char::from(digit).to_digit(16);
    let (high, low) = (value(*digits.first()?)?, value(*digits.get(1)?)?);
    u8::try_from(high * 16 + low).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, &str)]) {
        let read: Vec<_> = parse(text.as_bytes()).collect();
        let read: Vec<_> = read.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(read, expected, "{text}");
    }

    #[test]
    fn pairs_are_decoded_in_their_order() {
        check("", &[]);
        check("a=1&b=2&a=3", &[("a", "1"), ("b", "2"), ("a", "3")]);
        check(
            "match%5B%5D=%7Ba%3D%22b%22%7D",
            &[("match[]", r#"{a="b"}"#)],
        );
        check("q=a+b%2Bc&x&=y&&", &[("q", "a b+c"), ("x", ""), ("", "y")]);
        check("q=%zz%4&r=%ff", &[("q", "%zz%4"), ("r", "\u{fffd}")]);
    }
}
