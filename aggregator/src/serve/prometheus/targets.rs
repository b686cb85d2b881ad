//! What is scraped, told by the samples: a series `up` is a target.
//!
//! In: the newest samples. Out: targets. Bound: [`TARGETS_MAX`].

use std::collections::HashMap;
use std::time::Duration;

use weft_api::prometheus::watch::{Health, Target};
use weft_matcher::LabelMatcher;
use weft_model::{Labels, METRIC_NAME, Matcher, Millis, Nanos};
use weft_tsdb::{ReadError, Tsdb};

/// The most targets that are told.
const TARGETS_MAX: usize = 20_000;

/// What the last error of a target that is down reads: its own words are in its agent's log.
const DOWN: &str = "the target could not be read";

/// Returns the targets that were scraped within the lookback.
pub(super) fn recent(
    tsdb: &Tsdb,
    now: Millis,
    lookback: Duration,
) -> Result<Vec<Target>, ReadError> {
    let lookback_ms = i64::try_from(lookback.as_millis()).unwrap_or(i64::MAX);
    let range = (Millis(now.0.saturating_sub(lookback_ms)), now);
    let durations: HashMap<Labels, f64> = newest(tsdb, "scrape_duration_seconds", range)?
        .into_iter()
        .map(|(target, _, seconds)| (target, seconds))
        .collect();
    let up = newest(tsdb, "up", range)?;
    let target = |(labels, time, value): (Labels, i64, f64)| {
        let seconds = durations.get(&labels).copied().unwrap_or_default();
        let health = if value == 1.0 {
            Health::Good
        } else {
            Health::Bad
        };
        told(labels, Millis(time), health, seconds)
    };
    let mut targets: Vec<Target> = up.into_iter().map(target).collect();
    targets.sort_by(|a, b| (&a.pool, &a.labels).cmp(&(&b.pool, &b.labels)));
    Ok(targets)
}

fn told(labels: Labels, time: Millis, health: Health, seconds: f64) -> Target {
    let last_error = if health == Health::Bad { DOWN } else { "" };
    Target {
        pool: labels.get("job").to_owned(),
        url: labels.get("instance").to_owned(),
        health,
        last_error: last_error.to_owned(),
        last_scrape: Nanos(time.0.saturating_mul(1_000_000)),
        last_scrape_seconds: seconds,
        interval: String::new(),
        timeout: String::new(),
        discovered_labels: labels.clone(),
        labels,
    }
}

/// Returns the newest sample of each series of a metric, under its labels without the name.
fn newest(
    tsdb: &Tsdb,
    metric: &str,
    (start, end): (Millis, Millis),
) -> Result<Vec<(Labels, i64, f64)>, ReadError> {
    let matchers = LabelMatcher::compile_all(&[Matcher::equal(METRIC_NAME, metric)])
        .expect("a name that is compared needs no compiling");
    let selection = tsdb.select(&matchers, start, end)?;
    let mut found = Vec::new();
    for at in 0..selection.len().min(TARGETS_MAX) {
        let Some((time, value)) = selection.newest(at, end, start)?.float() else {
            continue;
        };
        if weft_model::is_stale(value) {
            continue;
        }
        let labels = selection.labels(at)?;
        let rest = labels.iter().filter(|(name, _)| *name != METRIC_NAME);
        found.push((Labels::from_pairs(rest), time, value));
    }
    Ok(found)
}
