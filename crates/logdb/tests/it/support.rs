//! A database in a directory of its own, lines made from numbers, and the naive answers.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;
use weft_logdb::{
    Case, Config, Direction, Entry, Found, Literal, LogDb, Needle, OpenReport, SelectStats,
    Selection, StepCount, Steps, TimeRange,
};
use weft_model::{Labels, Level, Matcher, Nanos};

static NEXT_DIR: AtomicU32 = AtomicU32::new(0);

/// A database in a directory that is removed with it.
pub(crate) struct Scratch {
    dir: PathBuf,
    config: Config,
    db: Option<LogDb>,
    pub(crate) report: OpenReport,
}

impl Scratch {
    pub(crate) fn open(name: &str, config: Config) -> Scratch {
        let number = NEXT_DIR.fetch_add(1, Ordering::Relaxed);
        let unique = format!("weft-logdb-{name}-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(unique);
        let (db, report) = LogDb::open(&dir, config, Nanos(0)).unwrap();
        Scratch {
            dir,
            config,
            db: Some(db),
            report,
        }
    }

    pub(crate) fn db(&self) -> &LogDb {
        self.db.as_ref().unwrap()
    }

    pub(crate) fn dir(&self) -> &PathBuf {
        &self.dir
    }

    /// Drops the database as a crash would, without a flush, and opens it again.
    pub(crate) fn reopen(&mut self) {
        self.close();
        let (db, report) = LogDb::open(&self.dir, self.config, Nanos(0)).unwrap();
        self.db = Some(db);
        self.report = report;
    }

    pub(crate) fn close(&mut self) {
        self.db = None;
    }

    pub(crate) fn append(&self, position: u64, stream: u8, lines: &[Line]) {
        let metadata: Vec<Vec<(&str, &str)>> = lines
            .iter()
            .map(|line| {
                line.metadata
                    .iter()
                    .map(|(n, v)| (n.as_str(), v.as_str()))
                    .collect()
            })
            .collect();
        let entry = |(line, metadata)| {
            let (line, metadata): (&Line, &Vec<(&str, &str)>) = (line, metadata);
            Entry {
                time: Nanos(line.time),
                line: line.text.as_bytes(),
                metadata,
            }
        };
        let entries: Vec<Entry<'_>> = lines.iter().zip(&metadata).map(entry).collect();
        self.db()
            .append(position, &stream_of(stream), &entries)
            .unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.close();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// A line as the model keeps it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Line {
    pub(crate) stream: Labels,
    pub(crate) time: i64,
    pub(crate) text: String,
    pub(crate) metadata: Vec<(String, String)>,
}

pub(crate) fn stream_of(stream: u8) -> Labels {
    match stream {
        // A stream without labels is one too.
        3 => Labels::empty(),
        _ => Labels::from_pairs([("app", "web"), ("pod", &format!("web-{stream}"))]),
    }
}

/// Returns an id of 32 hexadecimal digits.
pub(crate) fn id(seed: u32) -> String {
    let number = (u64::from(seed) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!(
        "{number:016x}{:016x}",
        number.wrapping_mul(0xbf58_476d_1ce4_e5b9)
    )
}

/// Makes a line from a number.
pub(crate) fn line_of(stream: u8, time: i64, seed: u32) -> Line {
    let level = ["info", "error", "warn", "debug"][seed as usize % 4];
    let text = match seed % 5 {
        0 => format!("level={level} trace={} msg=\"handled request\"", id(seed)),
        1 => format!(
            "{{\"level\":\"{level}\",\"trace_id\":\"{}\",\"n\":{seed}}}",
            id(seed)
        ),
        2 => format!("GET /api/v1/users/{seed} 200\nsecond line"),
        3 => String::new(),
        _ => format!("Übergröße {seed} Exception at Main.java:{}", seed % 90),
    };
    let metadata = match seed % 7 {
        0 => vec![("trace_id".to_owned(), id(seed))],
        1 => vec![
            ("a".to_owned(), "1".to_owned()),
            ("b".to_owned(), seed.to_string()),
        ],
        _ => Vec::new(),
    };
    Line {
        stream: stream_of(stream),
        time,
        text,
        metadata,
    }
}

pub(crate) fn literal(text: &str, case: Case) -> Needle {
    Needle {
        any: vec![Literal {
            text: text.to_owned(),
            case,
        }],
    }
}

pub(crate) fn needle() -> impl Strategy<Value = Needle> {
    let text = prop_oneof![
        Just("Exception".to_owned()),
        Just("request".to_owned()),
        Just("größe".to_owned()),
        Just("\nsecond".to_owned()),
        Just("zzz".to_owned()),
        (0..400u32).prop_map(|seed| id(seed)[..24].to_owned()),
        (0..400u32).prop_map(|seed| id(seed)[5..9].to_owned()),
        (0..400u32).prop_map(|seed| seed.to_string()),
    ];
    let literal = (text, any::<bool>()).prop_map(|(text, folded)| Literal {
        text: if folded {
            text.to_ascii_uppercase()
        } else {
            text
        },
        case: if folded {
            Case::Insensitive
        } else {
            Case::Sensitive
        },
    });
    prop::collection::vec(literal, 1..3).prop_map(|any| Needle { any })
}

fn holds(needle: &Needle, text: &str) -> bool {
    needle.any.iter().any(|literal| match literal.case {
        Case::Sensitive => text.contains(&literal.text),
        Case::Insensitive => text
            .to_ascii_lowercase()
            .contains(&literal.text.to_ascii_lowercase()),
    })
}

/// Checks selections both ways, counts and labels against the naive answers.
pub(crate) fn check_all(
    db: &LogDb,
    lines: &[Line],
    (from, to): (i64, i64),
    needles: &[Needle],
) -> SelectStats {
    let range = TimeRange {
        start: Nanos(from),
        end: Nanos(to),
    };
    let in_range = |line: &&Line| range.contains(Nanos(line.time));
    let mut stats = SelectStats::default();
    for matchers in [vec![], vec![Matcher::equal("pod", "web-1")]] {
        let of_stream = |line: &&Line| matchers.iter().all(|m| line.stream.get(&m.name) == m.value);
        let chosen = || lines.iter().filter(in_range).filter(of_stream);
        let mut expected: Vec<Line> = chosen()
            .filter(|line| needles.iter().all(|needle| holds(needle, &line.text)))
            .cloned()
            .collect();
        expected.sort();
        for direction in [Direction::Forward, Direction::Backward] {
            let selection = Selection {
                matchers: &matchers,
                range,
                needles,
                direction,
            };
            let (mut found, one) = select(db, &selection);
            found.sort();
            assert_eq!(found, expected);
            assert_eq!(one.blocks_lost, 0);
            if matchers.is_empty() {
                stats = one;
            }
        }
        let mut streams: Vec<Labels> = chosen().map(|line| line.stream.clone()).collect();
        streams.sort();
        streams.dedup();
        let total = db.stats(&matchers, range).unwrap();
        assert_eq!(total.streams, streams.len() as u64);
        assert_eq!(total.entries, chosen().count() as u64);
        assert_eq!(
            total.bytes,
            chosen().map(|line| line.text.len() as u64).sum::<u64>()
        );
        check_counts(
            db,
            &matchers,
            &lines.iter().filter(of_stream).collect::<Vec<_>>(),
        );
    }
    stats
}

/// Selects, checking that lines keep to the horizons.
pub(crate) fn select(db: &LogDb, selection: &Selection<'_>) -> (Vec<Line>, SelectStats) {
    let mut found = Vec::new();
    let mut horizon = None;
    let stats = db.select(selection, &mut |event| {
        match event {
            Found::Horizon(time) => horizon = Some(time),
            Found::Entry(stream, entry) => {
                let horizon = horizon.expect("a horizon comes first");
                match selection.direction {
                    Direction::Backward => assert!(entry.time <= horizon),
                    Direction::Forward => assert!(entry.time >= horizon),
                }
                let owned = |(n, v): &(&str, &str)| ((*n).to_owned(), (*v).to_owned());
                found.push(Line {
                    stream: stream.clone(),
                    time: entry.time.0,
                    text: entry.line.to_owned(),
                    metadata: entry.metadata.iter().map(owned).collect(),
                });
            }
        }
        ControlFlow::Continue(())
    });
    (found, stats.unwrap())
}

fn check_counts(db: &LogDb, matchers: &[Matcher], lines: &[&Line]) {
    let steps = Steps {
        start: Nanos(0),
        step: 7_000_000_000_000,
        count: 20,
    };
    let labels = ["app".to_owned(), "detected_level".to_owned()];
    let mut counted = Vec::new();
    let mut visit = |stream: &Labels, count: StepCount| counted.push((stream.clone(), count));
    db.counts(matchers, steps, &labels, &mut visit)
        .unwrap()
        .expect("no metadata of this name");
    let total: u64 = counted.iter().map(|(_, count)| count.lines).sum();
    for (stream, count) in &counted {
        let first = steps.start.0 + steps.step * count.step as i64;
        let same = |line: &&&Line| {
            let metadata: Vec<(&str, &str)> = line
                .metadata
                .iter()
                .map(|(n, v)| (n.as_str(), v.as_str()))
                .collect();
            line.stream == *stream
                && (first..first + steps.step).contains(&line.time)
                && Level::detect(&line.stream, &metadata, line.text.as_bytes()) == count.level
        };
        assert_eq!(lines.iter().filter(same).count() as u64, count.lines);
        let bytes = lines.iter().filter(same).map(|line| line.text.len() as u64);
        assert_eq!(bytes.sum::<u64>(), count.bytes);
    }
    let range = steps.range();
    let expected = lines.iter().filter(|line| range.contains(Nanos(line.time)));
    assert_eq!(total, expected.count() as u64);
}
