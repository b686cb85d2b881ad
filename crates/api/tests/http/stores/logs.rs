//! Three lines of two streams, asked by the real LogQL engine.

use std::ops::ControlFlow;

use tokio::sync::mpsc;
use weft_api::loki::Backend;
use weft_api::loki::backend::{
    DetectedField, DetectedLabel, DroppedEntry, FieldKind, FieldQuery, IndexStats, InstantQuery,
    Pattern, Selection, TailBatch, TailQuery, VolumeQuery, VolumeSeries,
};
use weft_api::{Cancel, Error, ErrorKind};
use weft_exposition::loki::Push;
use weft_logql::source::{self, Entry, Found, SelectStats};
use weft_logql::{
    Answer, Engine, Limits, QueryError, RangeParams, Source, SourceError, Stream, StreamEntry,
};
use weft_model::{Labels, Level, MatchOp, Matcher, Nanos};

use super::NOW;

#[derive(Default)]
pub(crate) struct Logs {
    pub(crate) caveat: Option<String>,
}

/// A line as it is stored.
struct Line {
    app: &'static str,
    seconds: i64,
    text: &'static str,
    metadata: &'static [(&'static str, &'static str)],
    level: Level,
}

const LINES: [Line; 3] = [
    Line {
        app: "web",
        seconds: NOW - 60,
        text: "GET /index.html status=200",
        metadata: &[("trace_id", "abc")],
        level: Level::Info,
    },
    Line {
        app: "db",
        seconds: NOW - 40,
        text: "{\"level\":\"error\",\"message\":\"disk \\\"full\\\"\"}",
        metadata: &[],
        level: Level::Error,
    },
    Line {
        app: "web",
        seconds: NOW - 20,
        text: "GET /login status=500",
        metadata: &[],
        level: Level::Info,
    },
];

fn labels(app: &str) -> Labels {
    Labels::from_pairs([("app", app), ("service_name", app)])
}

fn fulfils(labels: &Labels, matchers: &[Matcher]) -> bool {
    matchers.iter().all(|matcher| {
        let value = labels.get(&matcher.name);
        match matcher.op {
            MatchOp::Equal => value == matcher.value,
            MatchOp::NotEqual => value != matcher.value,
            MatchOp::Regex => matcher.value == ".+" && !value.is_empty(),
            MatchOp::NotRegex => false,
        }
    })
}

/// Returns the lines of a selection.
fn selected(matchers: &[Matcher], start: Nanos, end: Nanos) -> impl Iterator<Item = &'static Line> {
    LINES.iter().filter(move |line| {
        let time = Nanos(line.seconds * 1_000_000_000);
        time >= start && time < end && fulfils(&labels(line.app), matchers)
    })
}

fn in_selection(selection: &Selection) -> impl Iterator<Item = &'static Line> {
    selected(&selection.matchers, selection.start, selection.end)
}

impl Source for Logs {
    fn select(
        &self,
        selection: &source::Selection<'_>,
        visit: &mut dyn FnMut(Found<'_>) -> ControlFlow<()>,
    ) -> Result<SelectStats, SourceError> {
        let mut stats = SelectStats::default();
        let range = selection.range;
        for line in selected(selection.matchers, range.start, range.end) {
            stats.lines += 1;
            stats.bytes += line.text.len() as u64;
            let entry = Entry {
                time: Nanos(line.seconds * 1_000_000_000),
                line: line.text,
                metadata: line.metadata,
                level: Some(line.level),
            };
            if visit(Found::Entry(&labels(line.app), entry)).is_break() {
                break;
            }
        }
        Ok(stats)
    }
}

impl Backend for Logs {
    fn caveat(&self) -> Option<String> {
        self.caveat.clone()
    }

    fn query(&self, query: &InstantQuery, cancel: &Cancel) -> Result<Answer, Error> {
        let expr = weft_logql::parse(&query.query).map_err(QueryError::from)?;
        let canceled = || cancel.is_canceled();
        Ok(Engine::new(self, Limits::default(), &canceled).instant(&expr, query.time)?)
    }

    fn query_range(
        &self,
        query: &str,
        params: &RangeParams,
        cancel: &Cancel,
    ) -> Result<Answer, Error> {
        let expr = weft_logql::parse(query).map_err(QueryError::from)?;
        let canceled = || cancel.is_canceled();
        Ok(Engine::new(self, Limits::default(), &canceled).range(&expr, params)?)
    }

    fn labels(&self, selection: &Selection) -> Result<Vec<String>, Error> {
        let names = |line: &Line| labels(line.app).iter().map(|(n, _)| n.to_owned()).collect();
        Ok(in_selection(selection)
            .flat_map(|line| -> Vec<_> { names(line) })
            .collect())
    }

    fn label_values(&self, name: &str, selection: &Selection) -> Result<Vec<String>, Error> {
        let values = in_selection(selection).map(|line| labels(line.app).get(name).to_owned());
        Ok(values.filter(|value| !value.is_empty()).collect())
    }

    fn series(&self, selections: &[Selection]) -> Result<Vec<Labels>, Error> {
        Ok(selections
            .iter()
            .flat_map(in_selection)
            .map(|line| labels(line.app))
            .collect())
    }

    fn stats(&self, selection: &Selection) -> Result<IndexStats, Error> {
        let mut stats = IndexStats::default();
        for line in in_selection(selection) {
            stats.entries += 1;
            stats.bytes += line.text.len() as u64;
        }
        Ok(stats)
    }

    fn volume(&self, query: &VolumeQuery) -> Result<Vec<(Labels, u64)>, Error> {
        let size = |app: &str| {
            let lines = in_selection(&query.selection).filter(|line| line.app == app);
            lines.map(|line| line.text.len() as u64).sum()
        };
        Ok(["db", "web"]
            .map(|app| (Labels::from_pairs([("app", app)]), size(app)))
            .to_vec())
    }

    fn volume_range(
        &self,
        query: &VolumeQuery,
        step_nanos: i64,
    ) -> Result<Vec<VolumeSeries>, Error> {
        let series = |(labels, bytes)| VolumeSeries {
            labels,
            points: vec![(query.selection.start.plus(step_nanos), bytes)],
        };
        Ok(self.volume(query)?.into_iter().map(series).collect())
    }

    fn detected_labels(&self, _selection: &Selection) -> Result<Vec<DetectedLabel>, Error> {
        let label = |label: &str, cardinality| DetectedLabel {
            label: label.to_owned(),
            cardinality,
        };
        Ok(vec![label("service_name", 2), label("app", 2)])
    }

    fn detected_fields(
        &self,
        _query: &FieldQuery,
        _cancel: &Cancel,
    ) -> Result<Vec<DetectedField>, Error> {
        let field = |label: &str, kind, parsers: &[&str]| DetectedField {
            label: label.to_owned(),
            kind,
            cardinality: 2,
            parsers: parsers.iter().map(|parser| (*parser).to_owned()).collect(),
            json_path: Vec::new(),
        };
        Ok(vec![
            field("status", FieldKind::Int, &["logfmt"]),
            field("trace_id", FieldKind::String, &[]),
            DetectedField {
                json_path: vec!["error".to_owned(), "message".to_owned()],
                ..field("error_message", FieldKind::String, &["json"])
            },
        ])
    }

    fn detected_field_values(
        &self,
        name: &str,
        _query: &FieldQuery,
        _cancel: &Cancel,
    ) -> Result<Vec<String>, Error> {
        match name {
            "status" => Ok(vec!["200".to_owned(), "500".to_owned()]),
            _ => Ok(Vec::new()),
        }
    }

    fn patterns(
        &self,
        _selection: &Selection,
        _step_nanos: i64,
        _cancel: &Cancel,
    ) -> Result<Vec<Pattern>, Error> {
        Ok(vec![Pattern {
            pattern: "GET <_> status=<_>".to_owned(),
            level: "info".to_owned(),
            samples: vec![(Nanos((NOW - 60) * 1_000_000_000), 2)],
        }])
    }

    fn push(&self, push: Push<'_>) -> Result<(), Error> {
        let apps: Vec<_> = push
            .streams
            .iter()
            .map(|stream| stream.labels.get("app"))
            .collect();
        match apps.contains(&"stopped") {
            true => Err(Error::new(ErrorKind::Unavailable, "the store is stopping")),
            false => Ok(()),
        }
    }

    fn tail(&self, _query: &TailQuery) -> Result<mpsc::Receiver<TailBatch>, Error> {
        let (sender, receiver) = mpsc::channel(1);
        let entry = StreamEntry {
            time: Nanos(NOW * 1_000_000_000),
            line: "GET / status=200".to_owned(),
            metadata: Labels::from_pairs([("detected_level", "info")]),
            parsed: Labels::empty(),
        };
        let batch = TailBatch {
            streams: vec![Stream {
                labels: labels("web"),
                entries: vec![entry],
            }],
            dropped: vec![DroppedEntry {
                labels: labels("db"),
                time: Nanos(5),
            }],
        };
        sender
            .try_send(batch)
            .expect("the channel has room for one");
        Ok(receiver)
    }
}
