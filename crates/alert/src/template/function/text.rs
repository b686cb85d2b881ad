//! Functions on texts.

use std::net::IpAddr;

use regex::Regex;

use crate::template::Context;
use crate::template::value::Value;

/// Returns the text that a value is.
pub(super) fn of(value: &Value) -> Result<&str, String> {
    match value {
        Value::Text(text) => Ok(text),
        other => Err(format!("expected string; found {}", other.text())),
    }
}

/// Go's `Sprint`: a space between two values when neither is a text.
pub(super) fn print(args: &[Value]) -> String {
    let mut out = String::new();
    for (at, value) in args.iter().enumerate() {
        let is_text = |value: &Value| matches!(value, Value::Text(_));
        if at > 0 && !is_text(value) && !is_text(&args[at - 1]) {
            out.push(' ');
        }
        value.print(&mut out);
    }
    out
}

/// Go's `Sprintln`: spaces between all, and a line break.
pub(super) fn println(args: &[Value]) -> String {
    let texts: Vec<String> = args.iter().map(Value::text).collect();
    texts.join(" ") + "\n"
}

/// Escapes for HTML.
pub(super) fn html(args: &[Value]) -> String {
    let mut out = String::new();
    for c in print(args).chars() {
        match c {
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\0' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Escapes for JavaScript.
pub(super) fn js(args: &[Value]) -> String {
    let mut out = String::new();
    for c in print(args).chars() {
        match c {
            '\\' | '\'' | '"' => out.extend(['\\', c]),
            '<' | '>' | '&' | '=' => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c if u32::from(c) < 0x20 => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// Escapes for the query of a URL.
pub(super) fn query_escape(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Makes the first letter of each word a capital.
pub(super) fn title(text: &str) -> String {
    let mut out = String::new();
    let mut is_start = true;
    for c in text.chars() {
        match is_start {
            true => out.extend(c.to_uppercase()),
            false => out.push(c),
        }
        is_start = !c.is_alphanumeric() && c != '_' && c != '\'';
    }
    out
}

/// Returns the host of `host:port`; anything else as it is.
pub(super) fn strip_port(text: &str) -> String {
    split_host_port(text)
        .map_or(text, |(host, _)| host)
        .to_owned()
}

/// Returns a host without its domain; an address as it is.
pub(super) fn strip_domain(text: &str) -> String {
    let (host, port) = match split_host_port(text) {
        Some((host, port)) => (host, port),
        None => (text, ""),
    };
    if host.parse::<IpAddr>().is_ok() {
        return text.to_owned();
    }
    let short = host.split('.').next().unwrap_or(host);
    match port {
        "" => short.to_owned(),
        port => format!("{short}:{port}"),
    }
}

fn split_host_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    match host.strip_prefix('[').map(|inner| inner.strip_suffix(']')) {
        Some(inside) => inside.map(|host| (host, port)),
        None if host.contains(':') => None,
        None => Some((host, port)),
    }
}

/// `match`: whether a pattern matches somewhere in a text.
pub(super) fn matches(args: &[Value], _: &Context<'_>) -> Result<Value, String> {
    let pattern = compile(of(&args[0])?)?;
    Ok(Value::Bool(pattern.is_match(of(&args[1])?)))
}

/// `reReplaceAll`: a text with all matches replaced; `$1` stands for the first group.
pub(super) fn replace_all(args: &[Value], _: &Context<'_>) -> Result<Value, String> {
    let pattern = compile(of(&args[0])?)?;
    let (by, text) = (of(&args[1])?, of(&args[2])?);
    Ok(Value::Text(pattern.replace_all(text, by).into_owned()))
}

fn compile(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|_| format!("regexp: Compile(`{pattern}`): invalid pattern"))
}

/// Returns where a query is shown: as a graph (0) or a table (1).
pub(super) fn link(query: &str, tab: u8) -> String {
    format!("/graph?g0.expr={}&g0.tab={tab}", query_escape(query))
}

/// Returns the path of a URL, without the slash at its end.
pub(super) fn path_of(url: &str) -> String {
    let behind = url.split_once("://").map_or("", |(_, rest)| rest);
    let path = behind.find('/').map_or("", |at| &behind[at..]);
    path.trim_end_matches('/').to_owned()
}
