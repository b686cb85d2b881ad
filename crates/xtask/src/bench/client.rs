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

/// Seconds of a board.
const LENGTH: i64 = 3600;

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
    ];
    let answer = client.post_form("/api/v1/query_range", &form)?;
    Ok((answer.status, answer.text()))
}

/// What became of the abusive query.
#[derive(Default)]
pub(super) struct Abused {
    answers: BTreeMap<u16, usize>,
    said: String,
    millis: f64,
}

impl fmt::Display for Abused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (status, count) in &self.answers {
            write!(f, "{status} x {count}, ")?;
        }
        write!(f, "{:.0} ms at most: {:.160}", self.millis, self.said)
    }
}

/// Asks for too much, over and over, in two ways: too many points, and too many samples.
pub(super) fn abuse(port: u16, end: i64, deadline: Instant) -> Result<Abused> {
    let mut client = Client::new(port);
    let mut abused = Abused::default();
    let month = 30 * 86_400;
    for turn in 0.. {
        if Instant::now() >= deadline {
            break;
        }
        let begun = Instant::now();
        // Alternately 2.6 million points, and windows of a month at as many points as are allowed.
        let (status, text) = if turn % 2 == 0 {
            range(&mut client, ABUSE, end - month, end, 1)?
        } else {
            let query = "sum(sum_over_time({__name__=~\".+\"}[30d:1s]))";
            range(&mut client, query, end - 10_000, end, 1)?
        };
        abused.millis = abused.millis.max(begun.elapsed().as_secs_f64() * 1000.0);
        *abused.answers.entry(status).or_default() += 1;
        if turn < 2 {
            abused.said += &format!("{text:.200} ");
        }
    }
    Ok(abused)
}
