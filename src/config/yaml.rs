//! YAML with the place of every value, for files whose faults are told by line and column.
//!
//! In: a text. Out: a tree of [`Node`]s; scalars stay as they were written, aliases and merge keys
//! are resolved. Bound: [`NODES_MAX`] nodes, [`DEPTH_MAX`] levels.

mod shape;

use std::collections::HashMap;

use serde_saphyr::granit_parser::{self, Event, Parser, ScalarStyle};
use weft_alert::Fault;
use weft_alert::raw::Place;

pub(super) use shape::Shape;

/// How many nodes a document may have, those of aliases counted anew.
const NODES_MAX: usize = 1_000_000;

/// How deep a document may be nested.
const DEPTH_MAX: usize = 64;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) kind: Kind,
}

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// Nothing, `~` or `null`.
    Null,
    /// A text, number or truth value, as it was written.
    Scalar(String),
    List(Vec<Node>),
    /// The entries in the order of the file.
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// Returns what kind of value it is, for messages.
    pub(super) fn is_called(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "nothing",
            Kind::Scalar(_) => "a text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
        }
    }
}

/// Reads a document; one without content is null.
pub(super) fn parse(text: &str) -> Result<Node, Fault> {
    let options = granit_parser::options! { emit_comments: false };
    let mut builder = Builder {
        parser: Parser::new_from_str_with_options(text, options),
        anchors: HashMap::new(),
        nodes: 0,
        place: Place { line: 1, column: 1 },
    };
    let mut document = None;
    loop {
        match builder.next()? {
            Event::StreamEnd => break,
            Event::DocumentStart(..) if document.is_some() => {
                return Err(builder.fault("there is more than one document in this file"));
            }
            Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
            event => document = Some(builder.node(event, 0)?),
        }
    }
    let place = Place { line: 1, column: 1 };
    Ok(document.unwrap_or(Node {
        place,
        kind: Kind::Null,
    }))
}

struct Builder<'t> {
    parser: Parser<'t, granit_parser::StrInput<'t>>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    /// Where the last event stands.
    place: Place,
}

impl<'t> Builder<'t> {
    fn fault(&self, message: &str) -> Fault {
        Fault {
            place: Some(self.place),
            message: format!("yaml: {message}"),
        }
    }

    fn next(&mut self) -> Result<Event<'t>, Fault> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => {
                self.place = place_of(&span.start);
                Ok(event)
            }
            Some(Err(error)) => {
                self.place = place_of(error.marker());
                Err(self.fault(&error.info()))
            }
            None => Ok(Event::StreamEnd),
        }
    }

    /// Builds the node that an event begins.
    fn node(&mut self, event: Event<'t>, depth: usize) -> Result<Node, Fault> {
        if depth > DEPTH_MAX {
            return Err(self.fault(&format!("nested deeper than {DEPTH_MAX}")));
        }
        self.count(1)?;
        let place = self.place;
        let (anchor, kind) = match event {
            Event::Scalar(text, style, anchor, _) => (anchor, scalar(&text, style)),
            Event::SequenceStart(_, anchor, _) => (anchor, Kind::List(self.items(depth)?)),
            Event::MappingStart(_, anchor, _) => (anchor, Kind::Map(self.entries(depth)?)),
            Event::Alias(anchor) => return self.alias(anchor),
            _ => return Err(self.fault("a value was expected")),
        };
        let node = Node { place, kind };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn alias(&mut self, anchor: usize) -> Result<Node, Fault> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            return Err(self.fault("an alias stands for what is not complete"));
        };
        self.count(size(&node))?;
        Ok(node)
    }

    fn count(&mut self, nodes: usize) -> Result<(), Fault> {
        self.nodes += nodes;
        if self.nodes > NODES_MAX {
            return Err(self.fault(&format!("more than {NODES_MAX} values")));
        }
        Ok(())
    }

    fn items(&mut self, depth: usize) -> Result<Vec<Node>, Fault> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                Event::SequenceEnd => return Ok(items),
                event => items.push(self.node(event, depth + 1)?),
            }
        }
    }

    fn entries(&mut self, depth: usize) -> Result<Vec<(Node, Node)>, Fault> {
        let mut entries: Vec<(Node, Node)> = Vec::new();
        let mut merged = Vec::new();
        loop {
            let key = match self.next()? {
                Event::MappingEnd => break,
                event => self.node(event, depth + 1)?,
            };
            let event = self.next()?;
            let value = self.node(event, depth + 1)?;
            if is_merge(&key) {
                merged.extend(to_merge(value));
                continue;
            }
            let twice = entries.iter().find(|(known, _)| same(known, &key));
            if let (Some((known, _)), Kind::Scalar(name)) = (twice, &key.kind) {
                let line = known.place.line;
                self.place = key.place;
                let message = format!("mapping key {name:?} already defined at line {line}");
                return Err(self.fault(&message));
            }
            entries.push((key, value));
        }
        for (key, value) in merged {
            if !entries.iter().any(|(known, _)| same(known, &key)) {
                entries.push((key, value));
            }
        }
        Ok(entries)
    }
}

fn place_of(marker: &granit_parser::Marker) -> Place {
    Place {
        line: marker.line(),
        column: marker.col() + 1,
    }
}

fn scalar(text: &str, style: ScalarStyle) -> Kind {
    let is_null = matches!(text, "" | "~" | "null" | "Null" | "NULL");
    match style == ScalarStyle::Plain && is_null {
        true => Kind::Null,
        false => Kind::Scalar(text.to_owned()),
    }
}

fn is_merge(key: &Node) -> bool {
    matches!(&key.kind, Kind::Scalar(text) if text == "<<")
}

/// Returns the entries that a merge key adds.
fn to_merge(value: Node) -> Vec<(Node, Node)> {
    match value.kind {
        Kind::Map(entries) => entries,
        Kind::List(items) => items.into_iter().flat_map(to_merge).collect(),
        Kind::Null | Kind::Scalar(_) => Vec::new(),
    }
}

fn same(a: &Node, b: &Node) -> bool {
    matches!((&a.kind, &b.kind), (Kind::Scalar(a), Kind::Scalar(b)) if a == b)
}

fn size(node: &Node) -> usize {
    let inner: usize = match &node.kind {
        Kind::Null | Kind::Scalar(_) => 0,
        Kind::List(items) => items.iter().map(size).sum(),
        Kind::Map(entries) => entries
            .iter()
            .map(|(key, value)| size(key) + size(value))
            .sum(),
    };
    inner + 1
}
