//! Functions on text.

use super::super::OUTPUT_BYTES_MAX;
use super::{Function, Value, function, text_at};

pub(super) const FUNCTIONS: &[Function] = &[
    function("ToLower", 1, 1, |a| map(a, |s| s.to_lowercase())),
    function("lower", 1, 1, |a| map(a, |s| s.to_lowercase())),
    function("ToUpper", 1, 1, |a| map(a, |s| s.to_uppercase())),
    function("upper", 1, 1, |a| map(a, |s| s.to_uppercase())),
    function("title", 1, 1, |a| map(a, title)),
    function("TrimSpace", 1, 1, |a| map(a, |s| s.trim().to_owned())),
    function("trim", 1, 1, |a| map(a, |s| s.trim().to_owned())),
    function("Trim", 2, 2, |a| cut_set(a, 1, 0, true, true)),
    function("TrimLeft", 2, 2, |a| cut_set(a, 1, 0, true, false)),
    function("TrimRight", 2, 2, |a| cut_set(a, 1, 0, false, true)),
    function("trimAll", 2, 2, |a| cut_set(a, 0, 1, true, true)),
    function("TrimPrefix", 2, 2, |a| trim_prefix(a, 1, 0)),
    function("trimPrefix", 2, 2, |a| trim_prefix(a, 0, 1)),
    function("TrimSuffix", 2, 2, |a| trim_suffix(a, 1, 0)),
    function("trimSuffix", 2, 2, |a| trim_suffix(a, 0, 1)),
    function("Replace", 4, 4, replace_count),
    function("replace", 3, 3, |a| {
        bounded(text_at(a, 2).replace(&text_at(a, 0), &text_at(a, 1)))
    }),
    function("contains", 2, 2, |a| {
        truth(text_at(a, 1).contains(&text_at(a, 0)))
    }),
    function("hasPrefix", 2, 2, |a| {
        truth(text_at(a, 1).starts_with(&text_at(a, 0)))
    }),
    function("hasSuffix", 2, 2, |a| {
        truth(text_at(a, 1).ends_with(&text_at(a, 0)))
    }),
    function("default", 2, 2, |a| {
        Ok(if a[1].is_true() {
            a[1].clone()
        } else {
            a[0].clone()
        })
    }),
    function("count", 2, 2, count_matches),
    function("repeat", 2, 2, repeat),
    function("substr", 3, 3, substring),
    function("trunc", 2, 2, truncate),
    function("alignLeft", 2, 2, |a| align(a, false)),
    function("alignRight", 2, 2, |a| align(a, true)),
    function("indent", 2, 2, |a| indent(a, "")),
    function("nindent", 2, 2, |a| indent(a, "\n")),
    function("print", 1, 8, |a| {
        bounded((0..a.len()).map(|i| text_at(a, i)).collect())
    }),
    function("printf", 1, 16, printf),
    function("regexReplaceAll", 3, 3, |a| regex_replace(a, false)),
    function("regexReplaceAllLiteral", 3, 3, |a| regex_replace(a, true)),
    function("urlencode", 1, 1, |a| map(a, url_encode)),
    function("urldecode", 1, 1, url_decode),
];

fn map(arguments: &[Value], change: impl Fn(&str) -> String) -> Result<Value, String> {
    bounded(change(&text_at(arguments, 0)))
}

fn truth(truth: bool) -> Result<Value, String> {
    Ok(Value::Bool(truth))
}

/// Refuses a text that grew too long.
fn bounded(text: String) -> Result<Value, String> {
    if text.len() > OUTPUT_BYTES_MAX {
        return Err(format!("text longer than {OUTPUT_BYTES_MAX} bytes"));
    }
    Ok(Value::Text(text))
}

fn title(text: &str) -> String {
    let mut starts = true;
    let mut upper = |c: char| {
        let first = starts && c.is_alphabetic();
        starts = !c.is_alphanumeric();
        if first {
            c.to_uppercase().next().unwrap_or(c)
        } else {
            c
        }
    };
    text.chars().map(&mut upper).collect()
}

fn cut_set(
    arguments: &[Value],
    set: usize,
    text: usize,
    left: bool,
    right: bool,
) -> Result<Value, String> {
    let (set, text) = (text_at(arguments, set), text_at(arguments, text));
    let mut cut = text.as_str();
    if left {
        cut = cut.trim_start_matches(|c| set.contains(c));
    }
    if right {
        cut = cut.trim_end_matches(|c| set.contains(c));
    }
    Ok(Value::Text(cut.to_owned()))
}

fn trim_prefix(arguments: &[Value], prefix: usize, text: usize) -> Result<Value, String> {
    let text = text_at(arguments, text);
    let cut = text.strip_prefix(text_at(arguments, prefix).as_str());
    Ok(Value::Text(cut.unwrap_or(&text).to_owned()))
}

fn trim_suffix(arguments: &[Value], suffix: usize, text: usize) -> Result<Value, String> {
    let text = text_at(arguments, text);
    let cut = text.strip_suffix(text_at(arguments, suffix).as_str());
    Ok(Value::Text(cut.unwrap_or(&text).to_owned()))
}

/// `Replace text old new count`; a negative count replaces all.
fn replace_count(arguments: &[Value]) -> Result<Value, String> {
    let (text, old, new) = (
        text_at(arguments, 0),
        text_at(arguments, 1),
        text_at(arguments, 2),
    );
    match usize::try_from(arguments[3].as_int()) {
        Ok(count) => bounded(text.replacen(&old, &new, count)),
        Err(_) => bounded(text.replace(&old, &new)),
    }
}

fn count_matches(arguments: &[Value]) -> Result<Value, String> {
    let regex = weft_matcher::search(&text_at(arguments, 0)).map_err(|e| e.to_string())?;
    let count = regex.find_iter(&text_at(arguments, 1)).count();
    Ok(Value::Int(i64::try_from(count).unwrap_or(i64::MAX)))
}

fn repeat(arguments: &[Value]) -> Result<Value, String> {
    let text = text_at(arguments, 1);
    let count = usize::try_from(arguments[0].as_int()).unwrap_or(0);
    if text.len().saturating_mul(count) > OUTPUT_BYTES_MAX {
        return Err(format!("text longer than {OUTPUT_BYTES_MAX} bytes"));
    }
    Ok(Value::Text(text.repeat(count)))
}

/// `substr start end text`, in characters; a negative end is the text's end.
fn substring(arguments: &[Value]) -> Result<Value, String> {
    let text = text_at(arguments, 2);
    let start = usize::try_from(arguments[0].as_int()).unwrap_or(0);
    let end = usize::try_from(arguments[1].as_int()).unwrap_or(usize::MAX);
    let cut = text.chars().skip(start).take(end.saturating_sub(start));
    Ok(Value::Text(cut.collect()))
}

/// `trunc n text`: the first `n` characters, or for a negative number the last ones.
fn truncate(arguments: &[Value]) -> Result<Value, String> {
    let text = text_at(arguments, 1);
    let count = arguments[0].as_int();
    let len = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    let skipped = text.chars().count().saturating_sub(len);
    Ok(Value::Text(if count >= 0 {
        text.chars().take(len).collect()
    } else {
        text.chars().skip(skipped).collect()
    }))
}

/// Cuts or fills with spaces to a number of characters.
fn align(arguments: &[Value], right: bool) -> Result<Value, String> {
    let text = text_at(arguments, 1);
    let width = usize::try_from(arguments[0].as_int()).unwrap_or(0);
    if width > OUTPUT_BYTES_MAX {
        return Err(format!("text longer than {OUTPUT_BYTES_MAX} bytes"));
    }
    let count = text.chars().count();
    let fill = " ".repeat(width.saturating_sub(count));
    Ok(Value::Text(if right {
        let cut = text.chars().skip(count.saturating_sub(width));
        fill + &cut.collect::<String>()
    } else {
        text.chars().take(width).collect::<String>() + &fill
    }))
}

fn indent(arguments: &[Value], before: &str) -> Result<Value, String> {
    let width = usize::try_from(arguments[0].as_int()).unwrap_or(0);
    let fill = format!("\n{}", " ".repeat(width.min(1024)));
    bounded(before.to_owned() + &fill[1..] + &text_at(arguments, 1).replace('\n', &fill))
}

fn regex_replace(arguments: &[Value], literal: bool) -> Result<Value, String> {
    let regex = weft_matcher::search(&text_at(arguments, 0)).map_err(|e| e.to_string())?;
    let (text, new) = (text_at(arguments, 1), text_at(arguments, 2));
    bounded(if literal {
        regex.replace_all(&text, regex::NoExpand(&new)).into_owned()
    } else {
        regex.replace_all(&text, new.as_str()).into_owned()
    })
}

/// `printf` with the verbs `%s %v %d %f %q %t %%`, with width and precision.
fn printf(arguments: &[Value]) -> Result<Value, String> {
    let format = text_at(arguments, 0);
    let mut out = String::new();
    let mut rest = format.as_str();
    let mut next = 1;
    while let Some(at) = rest.find('%') {
        out += &rest[..at];
        rest = &rest[at + 1..];
        let flags = rest.find(|c: char| c.is_ascii_alphabetic() || c == '%');
        let Some(flags) = flags else {
            return Err("printf: incomplete verb".to_owned());
        };
        let (spec, verb) = (&rest[..flags], rest.as_bytes()[flags]);
        rest = &rest[flags + 1..];
        if verb == b'%' {
            out.push('%');
            continue;
        }
        let Some(value) = arguments.get(next) else {
            return Err("printf: missing argument".to_owned());
        };
        next += 1;
        out += &print_verb(verb, spec, value)?;
        if out.len() > OUTPUT_BYTES_MAX {
            break;
        }
    }
    bounded(out + rest)
}

fn print_verb(verb: u8, spec: &str, value: &Value) -> Result<String, String> {
    let (width, precision) = spec.split_once('.').unwrap_or((spec, ""));
    let precision: Option<usize> = precision.parse().ok().filter(|digits| *digits <= 64);
    let text = match verb {
        b's' | b'v' => value.clone().into_text(),
        b'd' => value.as_int().to_string(),
        b'f' => format!("{:.*}", precision.unwrap_or(6), value.as_float()),
        b'q' => format!("{:?}", value.clone().into_text()),
        b't' => value.is_true().to_string(),
        _ => {
            return Err(format!(
                "printf: verb %{} is not supported",
                char::from(verb)
            ));
        }
    };
    let digits = width.trim_start_matches('-');
    let columns = digits.parse::<usize>().unwrap_or(0).min(1024);
    Ok(match (width.starts_with('-'), digits.starts_with('0')) {
        (true, _) => format!("{text:<columns$}"),
        (false, true) => format!("{text:0>columns$}"),
        (false, false) => format!("{text:>columns$}"),
    })
}

fn url_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            byte => out += &format!("%{byte:02X}"),
        }
    }
    out
}

fn url_decode(arguments: &[Value]) -> Result<Value, String> {
    let text = text_at(arguments, 0);
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        bytes.push(match first {
            b'+' => b' ',
            b'%' => {
                let digit = |at: usize| rest.get(at).and_then(|b| char::from(*b).to_digit(16));
                let (Some(high), Some(low)) = (digit(0), digit(1)) else {
                    return Err("urldecode: invalid escape".to_owned());
                };
                rest = &rest[2..];
                (high * 16 + low) as u8
            }
            byte => byte,
        });
    }
    Ok(Value::Text(String::from_utf8_lossy(&bytes).into_owned()))
}
