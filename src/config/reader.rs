//! Reads settings by their key paths, and collects every fault instead of stopping at the first.
//!
//! In: a file's tree, the environment, flags. Out: typed values, the faults, and a description of
//! every key that was asked for, from which the reference page is made.
//! A flag wins over the environment, the environment over the file, the file over the default.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use weft_stdx::text;

use super::tree::Tree;

/// Something wrong with a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The key's path, or what stands for it: `--http`, `WEFT_DATA`.
    pub(crate) key: String,
    /// What is wrong, as a phrase.
    pub(crate) what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.what)
    }
}

/// What the reference page says of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyDoc {
    pub(crate) path: String,
    pub(crate) kind: &'static str,
    pub(crate) default: String,
    pub(crate) about: &'static str,
    /// What is in force: as it was given, or the default.
    pub(crate) value: String,
}

/// The settings as they were given.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    /// The file, if there is one.
    pub(crate) file: Option<Tree>,
    /// Variables beginning with `WEFT_`.
    pub(crate) environment: BTreeMap<String, String>,
    /// Flags, by the key they stand for: (flag as typed, value).
    pub(crate) flags: BTreeMap<&'static str, (&'static str, String)>,
}

/// Reads settings from their sources.
pub(crate) struct Reader<'a> {
    sources: &'a Sources,
    faults: Vec<Fault>,
    docs: Vec<KeyDoc>,
    /// Every path that has a meaning, also that of items: `agent.logs.files[0].path`.
    known: BTreeSet<String>,
}

impl<'a> Reader<'a> {
    /// Returns a reader of these sources.
    pub(crate) fn new(sources: &'a Sources) -> Reader<'a> {
        Reader {
            sources,
            faults: Vec::new(),
            docs: Vec::new(),
            known: BTreeSet::new(),
        }
    }

    /// Returns the value that `parse` makes of a setting; `kind` says what is expected.
    pub(crate) fn value<T>(
        &mut self,
        key: Key,
        kind: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> T {
        self.describe(&key, kind);
        let default = parse(key.default).expect("the default of a key can be read");
        let Some((place, text)) = self.given(key.path) else {
            return default;
        };
        match parse(&text) {
            Some(value) => value,
            None => {
                self.fault(place, format!("{text:?} is not {kind}"));
                default
            }
        }
    }

    /// Returns a text.
    pub(crate) fn text(&mut self, key: Key) -> String {
        self.value(key, "a text", |text| Some(text.to_owned()))
    }

    /// Returns a duration.
    pub(crate) fn duration(&mut self, key: Key) -> Duration {
        self.value(key, "a duration such as 15s or 1h30m", text::parse_duration)
    }

    /// Returns a duration that is not zero.
    pub(crate) fn interval(&mut self, key: Key) -> Duration {
        let positive = |text: &str| text::parse_duration(text).filter(|it| !it.is_zero());
        self.value(key, "a duration above 0, such as 15s", positive)
    }

    /// Returns a size in bytes.
    pub(crate) fn bytes(&mut self, key: Key) -> u64 {
        self.value(key, "a size such as 512MiB", text::parse_bytes)
    }

    /// Returns a whole number.
    pub(crate) fn number(&mut self, key: Key) -> u64 {
        self.value(key, "a whole number", |text| text.parse().ok())
    }

    /// Returns a truth value.
    pub(crate) fn switch(&mut self, key: Key) -> bool {
        self.value(key, "true or false", |text| text.parse().ok())
    }

    /// Returns texts: a YAML list, or in a flag or variable separated by commas.
    pub(crate) fn texts(&mut self, key: Key) -> Vec<String> {
        self.describe(&key, "a list of texts");
        let split = |text: &str| -> Vec<String> {
            text.split(',')
                .map(str::trim)
                .filter(|it| !it.is_empty())
                .map(str::to_owned)
                .collect()
        };
        if let Some((_, text)) = self.overridden(key.path) {
            return split(&text);
        }
        match self.in_file(key.path) {
            None | Some(Tree::Null) => split(key.default),
            Some(Tree::Leaf(text)) => split(&text),
            Some(Tree::List(items)) => {
                let mut texts = Vec::new();
                for (i, item) in items.into_iter().enumerate() {
                    match item {
                        Tree::Leaf(text) => texts.push(text),
                        _ => self.fault(format!("{}[{i}]", key.path), "is not a text".to_owned()),
                    }
                }
                texts
            }
            Some(Tree::Map(_)) => {
                self.fault(key.path.to_owned(), "is not a list of texts".to_owned());
                Vec::new()
            }
        }
    }

    /// Returns a mapping of names to texts, such as labels.
    pub(crate) fn pairs(&mut self, key: Key) -> Vec<(String, String)> {
        self.describe(&key, "a mapping of names to texts");
        match self.in_file(key.path) {
            None | Some(Tree::Null) => Vec::new(),
            Some(Tree::Map(entries)) => {
                let mut pairs = Vec::new();
                for (name, value) in entries {
                    match value {
                        Tree::Leaf(text) => pairs.push((name, text)),
                        _ => self.fault(format!("{}.{name}", key.path), "is not a text".to_owned()),
                    }
                }
                pairs
            }
            Some(_) => {
                self.fault(
                    key.path.to_owned(),
                    "is not a mapping of names to texts".to_owned(),
                );
                Vec::new()
            }
        }
    }

    /// Returns a list of mappings, each with these text fields; a field without a default must be
    /// there.
    pub(crate) fn records(
        &mut self,
        key: Key,
        fields: &[Field],
    ) -> Vec<BTreeMap<&'static str, String>> {
        self.describe(&key, "a list of mappings");
        for field in fields {
            let path = format!("{}[].{}", key.path, field.name);
            let default = field.default.unwrap_or("(required)").to_owned();
            self.docs.push(KeyDoc {
                path,
                kind: "a text",
                default,
                about: field.about,
                value: String::new(),
            });
        }
        let items = match self.in_file(key.path) {
            None | Some(Tree::Null) => return Vec::new(),
            Some(Tree::List(items)) => items,
            Some(_) => {
                self.fault(key.path.to_owned(), "is not a list".to_owned());
                return Vec::new();
            }
        };
        let mut records = Vec::new();
        for (i, item) in items.iter().enumerate() {
            records.push(self.record(&format!("{}[{i}]", key.path), item, fields));
        }
        records
    }

    /// Tells whether somebody set a key, wherever.
    pub(crate) fn is_set(&self, path: &str) -> bool {
        self.overridden(path).is_some() || !matches!(self.in_file(path), None | Some(Tree::Null))
    }

    /// Notes a fault.
    pub(crate) fn fault(&mut self, key: String, what: String) {
        self.faults.push(Fault { key, what });
    }

    /// Returns the descriptions of all keys that were asked for, and all faults, those of unknown
    /// keys included.
    pub(crate) fn finish(mut self) -> (Vec<KeyDoc>, Vec<Fault>) {
        if let Some(file) = &self.sources.file {
            let mut unknown = Vec::new();
            self.find_unknown("", file, &mut unknown);
            for key in unknown {
                let hint = self
                    .nearest(&key)
                    .map(|near| format!("; did you mean {near}?"));
                self.fault(
                    key,
                    format!("is not a known key{}", hint.unwrap_or_default()),
                );
            }
        }
        (self.docs, self.faults)
    }

    fn record(
        &mut self,
        path: &str,
        item: &Tree,
        fields: &[Field],
    ) -> BTreeMap<&'static str, String> {
        let mut record = BTreeMap::new();
        let Tree::Map(entries) = item else {
            self.fault(path.to_owned(), "is not a mapping".to_owned());
            return record;
        };
        for field in fields {
            let value = entries
                .iter()
                .find(|(name, _)| name == field.name)
                .map(|(_, it)| it);
            match (value, field.default) {
                (Some(Tree::Leaf(text)), _) => {
                    record.insert(field.name, text.clone());
                }
                (None | Some(Tree::Null), Some(default)) => {
                    record.insert(field.name, default.to_owned());
                }
                (None | Some(Tree::Null), None) => {
                    self.fault(format!("{path}.{}", field.name), "is missing".to_owned());
                }
                (Some(_), _) => {
                    self.fault(format!("{path}.{}", field.name), "is not a text".to_owned())
                }
            }
        }
        for (name, _) in entries {
            if !fields.iter().any(|field| field.name == name) {
                self.fault(format!("{path}.{name}"), "is not a known key".to_owned());
            }
        }
        record
    }

    fn describe(&mut self, key: &Key, kind: &'static str) {
        self.known.insert(key.path.to_owned());
        let default = if key.default.is_empty() {
            "(none)"
        } else {
            key.default
        }
        .to_owned();
        let value = self.in_force(key);
        self.docs.push(KeyDoc {
            path: key.path.to_owned(),
            kind,
            default,
            about: key.about,
            value,
        });
    }

    /// Returns a setting's text as it was given; lists and mappings as they stand in the tree.
    fn in_force(&self, key: &Key) -> String {
        if let Some((_, text)) = self.overridden(key.path) {
            return text;
        }
        match self.in_file(key.path) {
            None | Some(Tree::Null) => key.default.to_owned(),
            Some(Tree::Leaf(text)) => text,
            Some(other) => format!("{other:?}"),
        }
    }

    /// Returns where a setting was given, and its text.
    fn given(&mut self, path: &str) -> Option<(String, String)> {
        if let Some(found) = self.overridden(path) {
            return Some(found);
        }
        match self.in_file(path)? {
            Tree::Null => None,
            Tree::Leaf(text) => Some((path.to_owned(), text)),
            Tree::List(_) | Tree::Map(_) => {
                self.fault(
                    path.to_owned(),
                    "is a list or mapping, not a single value".to_owned(),
                );
                None
            }
        }
    }

    fn overridden(&self, path: &str) -> Option<(String, String)> {
        if let Some((flag, text)) = self.sources.flags.get(path) {
            return Some(((*flag).to_owned(), text.clone()));
        }
        let variable = variable_of(path);
        let text = self.sources.environment.get(&variable)?.clone();
        Some((variable, text))
    }

    fn in_file(&self, path: &str) -> Option<Tree> {
        let mut tree = self.sources.file.as_ref()?;
        for part in path.split('.') {
            tree = tree.get(part)?;
        }
        Some(tree.clone())
    }

    fn find_unknown(&self, path: &str, tree: &Tree, unknown: &mut Vec<String>) {
        if self.known.contains(path) {
            return;
        }
        let inner = |known: &String| {
            known
                .strip_prefix(path)
                .is_some_and(|it| it.starts_with('.'))
        };
        match tree {
            Tree::Map(entries) if path.is_empty() || self.known.iter().any(inner) => {
                for (name, value) in entries {
                    let dot = if path.is_empty() { "" } else { "." };
                    self.find_unknown(&format!("{path}{dot}{name}"), value, unknown);
                }
            }
            Tree::Null if self.known.iter().any(inner) => {}
            _ => unknown.push(if path.is_empty() {
                "(file)".to_owned()
            } else {
                path.to_owned()
            }),
        }
    }

    fn nearest(&self, key: &str) -> Option<&String> {
        let scored = self.known.iter().map(|known| (distance(known, key), known));
        scored
            .min()
            .filter(|(distance, _)| *distance <= 3)
            .map(|(_, known)| known)
    }
}

/// A setting's path, default and meaning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    pub(crate) path: &'static str,
    pub(crate) default: &'static str,
    pub(crate) about: &'static str,
}

/// Returns the key of this path, default and meaning.
pub(crate) const fn key(path: &'static str, default: &'static str, about: &'static str) -> Key {
    Key {
        path,
        default,
        about,
    }
}

/// A field of each mapping of a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) default: Option<&'static str>,
    pub(crate) about: &'static str,
}

/// Returns the variable that stands for a key: `agent.interval` is `WEFT_AGENT_INTERVAL`.
pub(crate) fn variable_of(path: &str) -> String {
    format!("WEFT_{}", path.replace('.', "_").to_uppercase())
}

/// Returns how many characters must change to make one text of the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Key = key("agent.interval", "15s", "How often.");

    fn read(file: &str) -> (Duration, Vec<String>) {
        let sources = Sources {
            file: Some(Tree::parse(file).unwrap()),
            ..Sources::default()
        };
        let mut reader = Reader::new(&sources);
        let interval = reader.interval(INTERVAL);
        reader.pairs(key("agent.labels", "", "Labels."));
        let (_, faults) = reader.finish();
        (interval, faults.iter().map(Fault::to_string).collect())
    }

    #[test]
    fn a_flag_wins_over_the_environment_and_that_over_the_file() {
        let mut sources = Sources {
            file: Tree::parse("agent: {interval: 1s}").ok(),
            ..Sources::default()
        };
        assert_eq!(Reader::new(&sources).interval(INTERVAL).as_secs(), 1);
        sources
            .environment
            .insert("WEFT_AGENT_INTERVAL".to_owned(), "2s".to_owned());
        assert_eq!(Reader::new(&sources).interval(INTERVAL).as_secs(), 2);
        sources
            .flags
            .insert("agent.interval", ("--interval", "3s".to_owned()));
        assert_eq!(Reader::new(&sources).interval(INTERVAL).as_secs(), 3);
    }

    #[test]
    fn all_faults_are_told_with_their_paths() {
        let (interval, faults) =
            read("agent: {interval: 0, intervall: 1s, labels: {a: [1]}}\nagnet: 1");
        assert_eq!(interval.as_secs(), 15);
        assert_eq!(
            faults,
            [
                r#"agent.interval: "0" is not a duration above 0, such as 15s"#,
                "agent.labels.a: is not a text",
                "agent.intervall: is not a known key; did you mean agent.interval?",
                "agnet: is not a known key",
            ]
        );
    }

    #[test]
    fn an_empty_file_and_an_empty_section_mean_the_defaults() {
        for file in [
            "",
            "# nothing",
            "agent:",
            "agent: {}",
            "agent: {interval: ~}",
        ] {
            assert_eq!(read(file), (Duration::from_secs(15), vec![]), "{file}");
        }
    }

    #[test]
    fn what_is_not_a_mapping_is_refused() {
        assert_eq!(read("[1]").1, ["(file): is not a known key"]);
        assert!(Tree::parse("a: [").is_err());
        assert!(Tree::parse("a: 1\na: 2").is_err());
    }
}
