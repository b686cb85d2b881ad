//! Those who ask: people with a board that refreshes, and one who wants everything.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Instant;

use anyhow::Result;

use crate::peers::http::Client;

/// The queries of a board. `$instance` is one of the load generator's.
pub(super) const BOARD: [&str; 20] = [
    "sum(rate(node_family_000_metric_total{instance=\"$instance\"}[5m]))",
    "sum by (mode) (rate(node_family_001_metric_total{instance=\"$instance\"}[5m]))",
    "sum by (device) (rate(node_family_002_metric_total{instance=\"$instance\"}[5m]))",
    "max by (device) (node_family_003_metric_total{instance=\"$instance\"})",
    "avg(node_family_004_metric_total{instance=\"$instance\"})",
    "node_family_005_metric_total{instance=\"$instance\"}",
    "increase(node_family_006_metric_total{instance=\"$instance\"}[10m])",
    "topk(3, node_family_007_metric_total{instance=\"$instance\"})",
    "node_family_008_metric_total{instance=\"$instance\"} / on (device, mode) \
     node_family_009_metric_total{instance=\"$instance\"}",
    "max_over_time(node_family_010_metric_total{instance=\"$instance\"}[5m])",
    "avg_over_time(node_family_011_metric_total{instance=\"$instance\"}[15m])",
    "quantile(0.9, node_family_012_metric_total{instance=\"$instance\"})",
    "sum(node_family_013_metric_total{instance=\"$instance\"}) > 0",
    "count(node_family_014_metric_total)",
    "sum by (device) (rate(node_family_015_metric_total[5m]))",
    "avg by (mode) (node_family_016_metric_total)",
    "topk(5, sum by (instance) (rate(node_family_017_metric_total[5m])))",
    "sum(rate(node_family_018_metric_total[1m]))",
    "stddev(node_family_019_metric_total)",
    "max(node_family_020_metric_total) - min(node_family_020_metric_total)",
];

/// What everybody hopes nobody asks: all series for 30 days, second by second.
const ABUSE: &str = "sum by (instance) (rate({__name__=~\".+\"}[5m]))";

/// What is just allowed: all series at 2160 steps.
const HEAVY: &str = "sum by (instance) ({__name__=~\".+\"})";

/// Seconds of a board.
const LENGTH: i64 = 3600;

/// How long a query may take; who asks for too much would hold up the run otherwise.
const TIME_MAX: &str = "20s";

/// Seconds between two points of a panel.
const STEP: i64 = 15;

/// Somebody's board.
pub(super) struct Board {
    queries: Vec<String>,
    /// Where its first refresh ends.
    end: i64,
}

impl Board {
    /// Returns the board of a client, about one of so many instances.
    pub(super) fn new(number: usize, instances: usize, end: i64) -> Board {
        let instance = format!("10.0.0.{}:9100", number % instances.clamp(1, 256));
        let queries = BOARD
            .iter()
            .map(|query| query.replace("$instance", &instance));
        // Boards are looked at over the last minutes of the data, each from its own moment.
        let end = end - 900 + (number as i64 % 4) * STEP;
        Board {
            queries: queries.collect(),
            end: end - end.rem_euclid(STEP),
        }
    }
}

/// How queries were answered.
#[derive(Default)]
pub(super) struct Answered {
    pub(super) millis: Vec<f64>,
    pub(super) failed: usize,
    /// Bytes of all answers: that there was something to answer.
    pub(super) bytes: usize,
}

impl Answered {
    pub(super) fn add(&mut self, other: Answered) {
        self.millis.extend(other.millis);
        self.failed += other.failed;
        self.bytes += other.bytes;
    }
}

/// Refreshes a board again and again, each time a quarter of a minute later.
pub(super) fn refresh(port: u16, board: &Board, deadline: Instant) -> Result<Answered> {
    let mut client = Client::new(port);
    let mut answered = Answered::default();
    for refresh in 0.. {
        let end = board.end + (refresh * STEP) % 900;
        for query in &board.queries {
            if Instant::now() >= deadline {
                return Ok(answered);
            }
            let begun = Instant::now();
            let answer = range(&mut client, query, end - LENGTH, end, STEP)?;
            if answer.0 == 200 {
                answered.millis.push(begun.elapsed().as_secs_f64() * 1000.0);
                answered.bytes += answer.1.len();
            } else {
                answered.failed += 1;
            }
        }
    }
    Ok(answered)
}

fn range(
    client: &mut Client,
    query: &str,
    start: i64,
    end: i64,
    step: i64,
) -> Result<(u16, String)> {
    let (start, end, step) = (start.to_string(), end.to_string(), step.to_string());
    let form = [
        ("query", query),
        ("start", &start),
        ("end", &end),
        ("step", &step),
        ("timeout", TIME_MAX),
    ];
    let answer = client.post_form("/api/v1/query_range", &form)?;
    Ok((answer.status, answer.text()))
}

/// Who else asks meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Abuse {
    None,
    /// One who asks for far too much.
    One,
    /// Ten of them.
    Ten,
    /// Ten who ask for so much that it is just allowed.
    Heavy,
}

impl Abuse {
    pub(super) const ALL: [Abuse; 4] = [Abuse::None, Abuse::One, Abuse::Ten, Abuse::Heavy];

    pub(super) fn name(self) -> &'static str {
        match self {
            Abuse::None => "none",
            Abuse::One => "one",
            Abuse::Ten => "ten",
            Abuse::Heavy => "heavy",
        }
    }

    pub(super) fn clients(self) -> usize {
        match self {
            Abuse::None => 0,
            Abuse::One => 1,
            Abuse::Ten | Abuse::Heavy => 10,
        }
    }
}

/// What became of abusive queries.
#[derive(Default)]
pub(super) struct Abused {
    answers: BTreeMap<u16, usize>,
    said: String,
    millis: f64,
}

impl Abused {
    /// Adds what became of another client's.
    pub(super) fn add(&mut self, other: Abused) {
        for (status, count) in other.answers {
            *self.answers.entry(status).or_default() += count;
        }
        self.said = other.said;
        self.millis = self.millis.max(other.millis);
    }
}

impl fmt::Display for Abused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (status, count) in &self.answers {
            write!(f, "{status} x {count}, ")?;
        }
        write!(f, "{:.0} ms at most: {:.160}", self.millis, self.said)
    }
}

/// Asks for too much, over and over. What is far too much is asked for in two ways: as too many
/// points, and as too many samples.
pub(super) fn abuse(port: u16, end: i64, deadline: Instant, abuse: Abuse) -> Result<Abused> {
    let mut client = Client::new(port);
    let mut abused = Abused::default();
    let month = 30 * 86_400;
    for turn in 0.. {
        if Instant::now() >= deadline {
            break;
        }
        let begun = Instant::now();
        let (status, text) = match (abuse, turn % 2) {
            (Abuse::Heavy, _) => range(&mut client, HEAVY, end - 3 * LENGTH, end, 5)?,
            // Alternately 2.6 million points, and windows of a month at as many points as are
            // allowed.
            (_, 0) => range(&mut client, ABUSE, end - month, end, 1)?,
            _ => {
                let query = "sum(sum_over_time({__name__=~\".+\"}[30d:1s]))";
                range(&mut client, query, end - 10_000, end, 1)?
            }
        };
        abused.millis = abused.millis.max(begun.elapsed().as_secs_f64() * 1000.0);
        *abused.answers.entry(status).or_default() += 1;
        if turn < 2 && status != 200 {
            abused.said += &format!("{text:.200} ");
        }
    }
    Ok(abused)
}
