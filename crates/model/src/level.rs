//! How serious a log line is, and how to find that out.
//!
//! In: a stream's labels, a line's metadata, its text. Out: one of eight levels.
//! Bound: keys are looked for in the first 4 KiB of a line, words in the first 256 bytes.

use crate::Labels;

/// How much of a line is searched for a key such as `level=`.
const KEYS_WITHIN: usize = 4096;

/// How much of a line is searched for a word such as `ERROR`.
const WORDS_WITHIN: usize = 256;

/// How serious a line is. The numbers are stable: they are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// Nothing in the line tells.
    #[default]
    Unknown = 0,
    /// The finest detail.
    Trace = 1,
    /// For those who develop it.
    Debug = 2,
    /// Normal operation.
    Info = 3,
    /// Worth a look.
    Warn = 4,
    /// Something failed.
    Error = 5,
    /// Much failed.
    Critical = 6,
    /// The end of the process.
    Fatal = 7,
}

impl Level {
    /// How many levels there are.
    pub const COUNT: usize = 8;

    /// All levels, in order of their numbers.
    pub const ALL: [Level; Level::COUNT] = [
        Level::Unknown,
        Level::Trace,
        Level::Debug,
        Level::Info,
        Level::Warn,
        Level::Error,
        Level::Critical,
        Level::Fatal,
    ];

    /// Returns the word of the label `detected_level`.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Unknown => "unknown",
            Level::Trace => "trace",
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
            Level::Critical => "critical",
            Level::Fatal => "fatal",
        }
    }

    /// Returns the level with this number.
    pub fn from_number(number: u8) -> Option<Level> {
        Level::ALL.get(usize::from(number)).copied()
    }

    /// Returns the level that a word names, in any case, full or as commonly cut.
    pub fn from_word(word: &str) -> Option<Level> {
        const LONGEST: usize = 11;
        if !(3..=LONGEST).contains(&word.len()) {
            return None;
        }
        let mut lower = [0; LONGEST];
        let lower = &mut lower[..word.len()];
        lower.copy_from_slice(word.as_bytes());
        lower.make_ascii_lowercase();
        Some(match &*lower {
            b"trace" | b"trc" => Level::Trace,
            b"debug" | b"dbg" => Level::Debug,
            b"info" | b"inf" | b"information" | b"notice" => Level::Info,
            b"warn" | b"wrn" | b"warning" => Level::Warn,
            b"error" | b"err" | b"eror" => Level::Error,
            b"critical" | b"crit" | b"alert" => Level::Critical,
            b"fatal" | b"panic" | b"emerg" | b"emergency" => Level::Fatal,
            _ => return None,
        })
    }

    /// Returns the level of an OpenTelemetry severity number, 1 to 24.
    pub fn from_severity_number(number: u32) -> Option<Level> {
        Some(match number {
            1..=4 => Level::Trace,
            5..=8 => Level::Debug,
            9..=12 => Level::Info,
            13..=16 => Level::Warn,
            17..=20 => Level::Error,
            21..=24 => Level::Fatal,
            _ => return None,
        })
    }

    /// Finds the level of a line: said by its metadata, by its stream's labels, by a key in the
    /// line (JSON or logfmt), by the first word that names a level, in this order.
    pub fn detect(stream: &Labels, metadata: &[(&str, &str)], line: &[u8]) -> Level {
        Level::of_labels(metadata.iter().copied())
            .or_else(|| Level::of_labels(stream.iter()))
            .unwrap_or_else(|| Level::of_line(line))
    }

    /// Returns the level that one of these labels says.
    pub fn of_labels<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>) -> Option<Level> {
        let mut found = None;
        for (name, value) in labels {
            let level = match name {
                "detected_level" => return Level::said(value.as_bytes()),
                "severity_number" => value.parse().ok().and_then(Level::from_severity_number),
                name if is_level_key(name.as_bytes()) => Level::said(value.as_bytes()),
                _ => None,
            };
            found = found.or(level);
        }
        found
    }

    /// Returns the level that a line's text tells.
    pub fn of_line(line: &[u8]) -> Level {
        let head = &line[..line.len().min(KEYS_WITHIN)];
        let keyed = match head.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'{') => of_json(head),
            _ => of_logfmt(head),
        };
        keyed.unwrap_or_else(|| of_words(&line[..line.len().min(WORDS_WITHIN)]))
    }

    /// Returns the level of a value: a word, or the number of bunyan and pino.
    fn said(value: &[u8]) -> Option<Level> {
        match value {
            b"10" => Some(Level::Trace),
            b"20" => Some(Level::Debug),
            b"30" => Some(Level::Info),
            b"40" => Some(Level::Warn),
            b"50" => Some(Level::Error),
            b"60" => Some(Level::Fatal),
            b"unknown" => Some(Level::Unknown),
            word => std::str::from_utf8(word).ok().and_then(Level::from_word),
        }
    }
}

/// Tells whether a key commonly holds the level.
fn is_level_key(key: &[u8]) -> bool {
    const KEYS: [&[u8]; 8] = [
        b"level",
        b"lvl",
        b"severity",
        b"loglevel",
        b"log.level",
        b"log_level",
        b"severitytext",
        b"severity_text",
    ];
    (3..=13).contains(&key.len()) && KEYS.iter().any(|known| key.eq_ignore_ascii_case(known))
}

/// Looks for `"key": value` at any depth.
fn of_json(text: &[u8]) -> Option<Level> {
    let mut at = 0;
    while let Some(open) = text[at..].iter().position(|byte| *byte == b'"') {
        let start = at + open + 1;
        let end = start + closing_quote(&text[start..])?;
        at = end + 1;
        let after = skip_spaces(text, at);
        if text.get(after) != Some(&b':') || !is_level_key(&text[start..end]) {
            continue;
        }
        let value = skip_spaces(text, after + 1);
        let level = match text.get(value)? {
            b'"' => {
                let end = value + 1 + closing_quote(&text[value + 1..])?;
                Level::said(&text[value + 1..end])
            }
            _ => Level::said(word_at(text, value)),
        };
        if level.is_some() {
            return level;
        }
    }
    None
}

/// Looks for `key=value` or `key="value"`.
fn of_logfmt(text: &[u8]) -> Option<Level> {
    let mut at = 0;
    while let Some(equals) = text[at..].iter().position(|byte| *byte == b'=') {
        let equals = at + equals;
        let is_key = |byte: &&u8| byte.is_ascii_alphabetic() || matches!(byte, b'.' | b'_');
        let key = text[at..equals].iter().rev().take_while(is_key).count();
        at = equals + 1;
        if is_level_key(&text[equals - key..equals]) {
            let quoted = usize::from(text.get(at) == Some(&b'"'));
            let level = Level::said(word_at(text, at + quoted));
            if level.is_some() {
                return level;
            }
        }
    }
    None
}

/// Looks for the first word that names a level, or the letter with which klog begins a line.
fn of_words(text: &[u8]) -> Level {
    if let [letter, digits @ ..] = text
        && digits.len() > 4
        && digits[..4].iter().all(u8::is_ascii_digit)
        && digits[4] == b' '
    {
        match letter {
            b'I' => return Level::Info,
            b'W' => return Level::Warn,
            b'E' => return Level::Error,
            b'F' => return Level::Fatal,
            _ => {}
        }
    }
    text.split(|byte| !byte.is_ascii_alphabetic())
        .filter(|word| (3..=11).contains(&word.len()))
        .filter(|word| b"tdinwecafp".contains(&word[0].to_ascii_lowercase()))
        .filter_map(|word| std::str::from_utf8(word).ok())
        .find_map(Level::from_word)
        .unwrap_or_default()
}

fn closing_quote(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match text.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn skip_spaces(text: &[u8], from: usize) -> usize {
    let spaces = text[from.min(text.len())..].iter();
    from + spaces.take_while(|byte| byte.is_ascii_whitespace()).count()
}

fn word_at(text: &[u8], from: usize) -> &[u8] {
    let rest = &text[from.min(text.len())..];
    let end = rest.iter().position(|byte| !byte.is_ascii_alphanumeric());
    &rest[..end.unwrap_or(rest.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, level: Level) {
        assert_eq!(Level::of_line(line.as_bytes()), level, "{line}");
    }

    #[test]
    fn a_key_in_json_or_logfmt_tells_the_level() {
        check(r#"{"msg":"error in \"x\"","level":"warn"}"#, Level::Warn);
        check(r#" {"log" : {"severity" : "ERROR"}}"#, Level::Error);
        check(r#"{"time":1,"level":30,"msg":"fatal"}"#, Level::Info);
        check("ts=1 level=debug msg=\"an error\"", Level::Debug);
        check("ts=1 lvl=\"WRN\" msg=x", Level::Warn);
        check("sublevel=x error", Level::Error);
    }

    #[test]
    fn without_a_key_the_first_word_counts() {
        check("2024-01-01 [ERROR] info is missing", Level::Error);
        check("E0512 12:00:00.000000 1 main.go:3] x", Level::Error);
        check("terror informs", Level::Unknown);
        check("{\"level\":\"", Level::Unknown);
        check("level=", Level::Unknown);
        check("", Level::Unknown);
        check("{\"a\\", Level::Unknown);
    }

    #[test]
    fn labels_go_before_the_line() {
        let stream = Labels::from_pairs([("app", "a"), ("level", "info")]);
        let detect = |metadata: &[(&str, &str)]| Level::detect(&stream, metadata, b"level=error");
        assert_eq!(detect(&[]), Level::Info);
        assert_eq!(detect(&[("severity_number", "13")]), Level::Warn);
        assert_eq!(
            detect(&[("detected_level", "fatal"), ("level", "debug")]),
            Level::Fatal
        );
    }

    #[test]
    fn every_level_is_read_back_from_its_word_and_number() {
        for level in Level::ALL {
            assert_eq!(Level::from_number(level as u8), Some(level));
            assert_eq!(Level::said(level.as_str().as_bytes()), Some(level));
        }
    }
}
