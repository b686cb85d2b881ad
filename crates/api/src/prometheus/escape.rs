//! Label names in paths: `U__http_2e_status` stands for `http.status`.
//!
//! In: the name as it stands in the path. Out: the name that is meant; what is not sound escaping
//! stands for itself, as with Prometheus.

/// Undoes the escaping of a name that begins with `U__`.
pub(super) fn unescape(name: &str) -> String {
    name.strip_prefix("U__")
        .and_then(read)
        .unwrap_or_else(|| name.to_owned())
}

fn read(escaped: &str) -> Option<String> {
    let mut plain = String::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some(at) = rest.find('_') {
        plain.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        match rest.strip_prefix('_') {
            Some(tail) => {
                plain.push('_');
                rest = tail;
            }
            None => {
                let end = rest.find('_')?;
                let number = u32::from_str_radix(&rest[..end], 16).ok()?;
                plain.push(char::from_u32(number)?);
                rest = &rest[end + 1..];
            }
        }
    }
    plain.push_str(rest);
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_names_are_read() {
        for (escaped, plain) in [
            ("job", "job"),
            ("U__http_2e_status", "http.status"),
            ("U__a__b_1f600_", "a_b\u{1f600}"),
            ("U__", ""),
            ("U__broken_", "U__broken_"),
            ("U__broken_zz_", "U__broken_zz_"),
            ("U__surrogate_d800_", "U__surrogate_d800_"),
        ] {
            assert_eq!(unescape(escaped), plain);
        }
    }
}
