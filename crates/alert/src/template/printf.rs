//! Go's `printf`: verbs with flags, width and precision; what does not fit is said in the text.

use super::OUTPUT_BYTES_MAX;
use super::go;
use super::value::Value;

/// The widest field and the most digits; templates have no use for more.
const WIDTH_MAX: usize = 1000;

/// Writes the values as the format says.
pub(super) fn format(format: &str, values: &[Value]) -> Result<String, String> {
    let mut out = String::new();
    let mut values = values.iter();
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let (spec, behind) = Spec::parse(&rest[at + 1..])?;
        rest = behind;
        match spec.verb {
            None => out.push_str("%!(NOVERB)"),
            Some('%') => out.push('%'),
            Some(verb) => match values.next() {
                None => out.push_str(&format!("%!{verb}(MISSING)")),
                Some(value) => out.push_str(&spec.write(verb, value)),
            },
        }
        if out.len() > OUTPUT_BYTES_MAX {
            return Err(format!("text is longer than {OUTPUT_BYTES_MAX} bytes"));
        }
    }
    out.push_str(rest);
    let extra: Vec<String> = values
        .map(|value| format!("{}={}", value.kind(), value.text()))
        .collect();
    if !extra.is_empty() {
        out.push_str(&format!("%!(EXTRA {})", extra.join(", ")));
    }
    Ok(out)
}

/// A verb with what stands between it and its `%`.
#[derive(Clone, Debug, Default)]
struct Spec {
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
    verb: Option<char>,
}

impl Spec {
    fn parse(text: &str) -> Result<(Spec, &str), String> {
        let mut spec = Spec::default();
        let flags = text.find(|c| !"-+# 0".contains(c)).unwrap_or(text.len());
        for flag in text[..flags].chars() {
            match flag {
                '-' => spec.minus = true,
                '+' => spec.plus = true,
                '#' => spec.sharp = true,
                ' ' => spec.space = true,
                _ => spec.zero = true,
            }
        }
        let (width, rest) = digits(&text[flags..])?;
        spec.width = width.unwrap_or(0);
        let rest = match rest.strip_prefix('.') {
            Some(rest) => {
                let (precision, rest) = digits(rest)?;
                spec.precision = Some(precision.unwrap_or(0));
                rest
            }
            None => rest,
        };
        spec.verb = rest.chars().next();
        let len = spec.verb.map_or(0, char::len_utf8);
        Ok((spec, &rest[len..]))
    }

    fn write(&self, verb: char, value: &Value) -> String {
        let text = match (verb, value) {
            ('v', Value::Float(number)) => self.signed(go::float(*number)),
            ('v', Value::Int(number)) => self.signed(number.to_string()),
            ('v', Value::Nil) => "<nil>".to_owned(),
            ('v', value) => return self.pad(value.text(), false),
            ('T', value) => return self.pad(value.kind().to_owned(), false),
            ('t', Value::Bool(value)) => return self.pad(value.to_string(), false),
            ('s', Value::Text(text)) => return self.pad(self.cut(text), false),
            ('s', Value::Labels(_) | Value::List(_) | Value::Map(_) | Value::Time(_)) => {
                return self.pad(value.text(), false);
            }
            ('s', Value::Duration(_)) => return self.pad(value.text(), false),
            ('q', Value::Text(text)) => return self.pad(go::quote(&self.cut(text)), false),
            ('x' | 'X', Value::Text(text)) => {
                let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
                return self.pad(if verb == 'X' { hex.to_uppercase() } else { hex }, false);
            }
            (_, Value::Int(number)) => match self.integer(verb, *number) {
                Some(text) => text,
                None => return misfit(verb, value),
            },
            (_, Value::Float(number)) => match self.float(verb, *number) {
                Some(text) => text,
                None => return misfit(verb, value),
            },
            _ => return misfit(verb, value),
        };
        let finite = !matches!(value, Value::Float(number) if !number.is_finite());
        self.pad(text, finite)
    }

    fn integer(&self, verb: char, number: i64) -> Option<String> {
        let size = number.unsigned_abs();
        let digits = match verb {
            'd' => size.to_string(),
            'x' => format!("{size:x}"),
            'X' => format!("{size:X}"),
            'o' => format!("{size:o}"),
            'b' => format!("{size:b}"),
            'c' | 'q' | 'U' => return character(verb, number),
            _ => return None,
        };
        let prefix = match (self.sharp, verb) {
            (true, 'x') => "0x",
            (true, 'X') => "0X",
            (true, 'o') => "0",
            _ => "",
        };
        let least = self.precision.unwrap_or(0);
        let sign = if number < 0 { "-" } else { "" };
        Some(self.signed(format!("{sign}{prefix}{digits:0>least$}")))
    }

    fn float(&self, verb: char, number: f64) -> Option<String> {
        let text = match verb {
            'f' | 'F' => {
                let digits = self.precision.unwrap_or(6);
                go::special(number).unwrap_or_else(|| format!("{number:.digits$}"))
            }
            'e' => go::exponential(number, self.precision.unwrap_or(6)),
            'E' => go::exponential(number, self.precision.unwrap_or(6)).to_uppercase(),
            'g' => go::general(number, self.precision, 21),
            'G' => go::general(number, self.precision, 21).to_uppercase(),
            _ => return None,
        };
        Some(self.signed(text))
    }

    fn signed(&self, text: String) -> String {
        match text.starts_with(['-', '+']) {
            true if text == "+Inf" && !self.plus => text,
            true => text,
            false if self.plus => format!("+{text}"),
            false if self.space => format!(" {text}"),
            false => text,
        }
    }

    fn cut(&self, text: &str) -> String {
        text.chars()
            .take(self.precision.unwrap_or(usize::MAX))
            .collect()
    }

    fn pad(&self, text: String, is_number: bool) -> String {
        let missing = self.width.saturating_sub(text.chars().count());
        if missing == 0 {
            return text;
        }
        if self.minus {
            return text + &" ".repeat(missing);
        }
        if self.zero && is_number {
            let signed = usize::from(text.starts_with(['-', '+', ' ']));
            let (sign, digits) = text.split_at(signed);
            return format!("{sign}{}{digits}", "0".repeat(missing));
        }
        let filler = if self.zero { "0" } else { " " };
        filler.repeat(missing) + &text
    }
}

fn character(verb: char, number: i64) -> Option<String> {
    let c = u32::try_from(number).ok().and_then(char::from_u32);
    let c = c.unwrap_or(char::REPLACEMENT_CHARACTER);
    Some(match verb {
        'c' => c.to_string(),
        'q' => format!("'{c}'"),
        _ => format!("U+{:04X}", number),
    })
}

/// Returns how Go tells that a value does not fit its verb.
fn misfit(verb: char, value: &Value) -> String {
    match value {
        Value::Nil => format!("%!{verb}(<nil>)"),
        value => format!("%!{verb}({}={})", value.kind(), value.text()),
    }
}

fn digits(text: &str) -> Result<(Option<usize>, &str), String> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    if end == 0 {
        return Ok((None, text));
    }
    let number = text[..end]
        .parse()
        .ok()
        .filter(|number| *number <= WIDTH_MAX);
    let number = number.ok_or_else(|| format!("width or precision over {WIDTH_MAX}"))?;
    Ok((Some(number), &text[end..]))
}
