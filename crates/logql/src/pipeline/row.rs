//! A line on its way through a pipeline: its text and three categories of labels.
//!
//! Labels of the stream and of the line itself are borrowed; what stages extract, write or remove
//! is noted beside them. An absent label and an empty one are the same.

use std::borrow::Cow;
use std::cell::Cell;

use weft_model::{Labels, LabelsBuilder, Level, Nanos};

use crate::source::Entry;
use crate::template::Scope;
use crate::value::StreamEntry;

/// The most labels that stages write for one line; further ones are left out and mark an error.
pub(crate) const FIELDS_MAX: usize = 1024;

/// The label of the level that was detected.
pub(crate) const DETECTED_LEVEL: &str = "detected_level";

/// The label of what went wrong with a line.
pub(crate) const ERROR: &str = "__error__";

/// The label that explains [`ERROR`].
pub(crate) const ERROR_DETAILS: &str = "__error_details__";

/// What went wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    Json,
    Logfmt,
    Regexp,
    Pattern,
    Template,
    LabelFilter,
    Sample,
    TooManyLabels,
}

impl ErrorKind {
    /// Returns the value of the label [`ERROR`].
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            ErrorKind::Json => "JSONParserErr",
            ErrorKind::Logfmt => "LogfmtParserErr",
            ErrorKind::Regexp => "RegexpParserErr",
            ErrorKind::Pattern => "PatternParserErr",
            ErrorKind::Template => "TemplateFormatErr",
            ErrorKind::LabelFilter => "LabelFilterErr",
            ErrorKind::Sample => "SampleExtractionErr",
            ErrorKind::TooManyLabels => "TooManyLabelsErr",
        }
    }
}

/// Buffers that rows use one after the other.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    fields: Vec<Field>,
    used: usize,
    hidden: Vec<String>,
    details: String,
    name: String,
}

#[derive(Debug, Default)]
struct Field {
    name: String,
    value: String,
}

/// A line on its way through a pipeline.
pub(crate) struct Row<'a> {
    pub(crate) line: Cow<'a, str>,
    stream: &'a Labels,
    entry: Entry<'a>,
    level: Cell<Option<Level>>,
    error: &'static str,
    scratch: &'a mut Scratch,
}

impl<'a> Row<'a> {
    /// Returns the row of a line as stored.
    pub(crate) fn new(stream: &'a Labels, entry: Entry<'a>, scratch: &'a mut Scratch) -> Row<'a> {
        scratch.used = 0;
        scratch.hidden.clear();
        scratch.details.clear();
        Row {
            line: Cow::Borrowed(entry.line),
            stream,
            level: Cell::new(entry.level),
            entry,
            error: "",
            scratch,
        }
    }

    /// Returns the value of [`ERROR`].
    pub(crate) fn error(&self) -> &'static str {
        self.error
    }

    /// Marks the row, unless it is marked already.
    pub(crate) fn fail(&mut self, kind: ErrorKind, details: &str) {
        if self.error.is_empty() {
            self.error = kind.as_str();
            self.scratch.details.clear();
            self.scratch.details.push_str(details);
        }
    }

    /// Returns a label's value, or the empty string.
    pub(crate) fn get(&self, name: &str) -> &str {
        match name {
            ERROR => return self.error,
            ERROR_DETAILS => return &self.scratch.details,
            _ => {}
        }
        if let Some(field) = self.fields().iter().find(|field| field.name == name) {
            return &field.value;
        }
        if self.is_hidden(name) {
            return "";
        }
        self.stored(name)
    }

    /// Returns the value that a label had when the line was stored.
    fn stored(&self, name: &str) -> &str {
        match self.of_metadata(name) {
            Some(value) => value,
            None if name == DETECTED_LEVEL => self.level().as_str(),
            None => self.stream.get(name),
        }
    }

    fn of_metadata(&self, name: &str) -> Option<&'a str> {
        let found = self.entry.metadata.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| *value)
    }

    fn level(&self) -> Level {
        if let Some(level) = self.level.get() {
            return level;
        }
        let (stream, entry) = (self.stream, &self.entry);
        let level = Level::detect(stream, entry.metadata, entry.line.as_bytes());
        self.level.set(Some(level));
        level
    }

    fn fields(&self) -> &[Field] {
        &self.scratch.fields[..self.scratch.used]
    }

    fn is_hidden(&self, name: &str) -> bool {
        self.scratch.hidden.iter().any(|hidden| hidden == name)
    }

    /// Adds a label that a parser found. A name that the stream or the line has already gets the
    /// suffix `_extracted`; of a name found twice the first value counts.
    pub(crate) fn extract(&mut self, name: &str, value: &str) {
        let mut key = std::mem::take(&mut self.scratch.name);
        key.clear();
        sanitize_into(name, &mut key);
        if !key.is_empty() {
            if !self.stored(&key).is_empty() && !self.is_hidden(&key) {
                key.push_str("_extracted");
            }
            if !self.fields().iter().any(|field| field.name == key) {
                self.push(&key, value);
            }
        }
        self.scratch.name = key;
    }

    /// Sets a label in place of any other of its name.
    pub(crate) fn write(&mut self, name: &str, value: &str) {
        if let Some(field) = self.scratch.fields[..self.scratch.used]
            .iter_mut()
            .find(|field| field.name == name)
        {
            value.clone_into(&mut field.value);
            return;
        }
        self.push(name, value);
    }

    fn push(&mut self, name: &str, value: &str) {
        if self.scratch.used == FIELDS_MAX {
            self.fail(ErrorKind::TooManyLabels, "line has too many labels");
            return;
        }
        if self.scratch.used == self.scratch.fields.len() {
            self.scratch.fields.push(Field::default());
        }
        let field = &mut self.scratch.fields[self.scratch.used];
        name.clone_into(&mut field.name);
        value.clone_into(&mut field.value);
        self.scratch.used += 1;
    }

    /// Removes a label of any category.
    pub(crate) fn hide(&mut self, name: &str) {
        match name {
            ERROR => self.error = "",
            ERROR_DETAILS => self.scratch.details.clear(),
            _ => {}
        }
        let found = self.fields().iter().position(|field| field.name == name);
        if let Some(at) = found {
            self.scratch.used -= 1;
            self.scratch.fields[at..=self.scratch.used].rotate_left(1);
        }
        if !self.is_hidden(name) {
            self.scratch.hidden.push(name.to_owned());
        }
    }

    /// Visits the names and values of all labels in effect, in no order.
    pub(crate) fn each_label(&self, mut visit: impl FnMut(&str, &str)) {
        for (name, value) in self.stream.iter() {
            if self.of_metadata(name).is_none() && self.is_untouched(name) {
                visit(name, value);
            }
        }
        self.each_metadata(&mut visit);
        self.each_parsed(visit);
    }

    fn each_metadata(&self, mut visit: impl FnMut(&str, &str)) {
        for (name, value) in self.entry.metadata {
            if self.is_untouched(name) {
                visit(name, value);
            }
        }
        if self.of_metadata(DETECTED_LEVEL).is_none() && self.is_untouched(DETECTED_LEVEL) {
            visit(DETECTED_LEVEL, self.level().as_str());
        }
    }

    fn each_parsed(&self, mut visit: impl FnMut(&str, &str)) {
        for field in self.fields() {
            visit(&field.name, &field.value);
        }
        if !self.error.is_empty() {
            visit(ERROR, self.error);
        }
        if !self.scratch.details.is_empty() {
            visit(ERROR_DETAILS, &self.scratch.details);
        }
    }

    /// Tells whether a stored label is neither replaced nor removed.
    fn is_untouched(&self, name: &str) -> bool {
        !self.is_hidden(name) && !self.fields().iter().any(|field| field.name == name)
    }

    /// Returns all labels in effect.
    pub(crate) fn labels(&self) -> Labels {
        let mut builder = LabelsBuilder::new();
        self.each_label(|name, value| {
            builder.set(name, value);
        });
        builder.build()
    }

    /// Appends bytes that are equal for rows of equal stream, metadata, level and written labels.
    pub(crate) fn key_into(&self, key: &mut Vec<u8>) {
        put(key, self.stream.as_bytes());
        self.each_metadata(|name, value| {
            put(key, name.as_bytes());
            put(key, value.as_bytes());
        });
        put(key, &[]);
        self.each_parsed(|name, value| {
            put(key, name.as_bytes());
            put(key, value.as_bytes());
        });
        put(key, &[]);
        for name in &self.scratch.hidden {
            put(key, name.as_bytes());
        }
    }

    /// Returns the line's time.
    pub(crate) fn entry_time(&self) -> Nanos {
        self.entry.time
    }

    /// Returns the line and its labels by category.
    pub(crate) fn into_entry(self) -> (Labels, StreamEntry) {
        let unchanged = self.scratch.used == 0 && self.scratch.hidden.is_empty();
        let stream = if unchanged {
            self.stream.clone()
        } else {
            self.stream.filtered(|name| self.is_untouched(name))
        };
        let mut metadata = LabelsBuilder::new();
        self.each_metadata(|name, value| {
            metadata.set(name, value);
        });
        let mut parsed = LabelsBuilder::new();
        self.each_parsed(|name, value| {
            parsed.set(name, value);
        });
        let entry = StreamEntry {
            time: self.entry.time,
            line: self.line.into_owned(),
            metadata: metadata.build(),
            parsed: parsed.build(),
        };
        (stream, entry)
    }
}

impl Scope for Row<'_> {
    fn label(&self, name: &str) -> &str {
        self.get(name)
    }

    fn line(&self) -> &str {
        &self.line
    }

    fn time(&self) -> Nanos {
        self.entry.time
    }
}

/// Appends a length and the bytes.
fn put(key: &mut Vec<u8>, bytes: &[u8]) {
    let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    key.extend_from_slice(&len.to_le_bytes());
    key.extend_from_slice(bytes);
}

/// Appends a name with every character that a label must not have made an underscore.
pub(crate) fn sanitize_into(name: &str, out: &mut String) {
    if out.is_empty() && name.starts_with(|c: char| c.is_ascii_digit()) {
        out.push('_');
    }
    out.extend(name.chars().map(|c| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => c,
        _ => '_',
    }));
}
