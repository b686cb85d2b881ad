//! Remote read over the TSDB.
//!
//! In: matchers and a stretch of time. Out: series in the order of their labels, each read when it
//! is its turn. Bound: the labels of the selected series, and the samples of one of them.

use std::ops::ControlFlow;

use weft_api::prometheus::SeriesSamples;
use weft_api::{Cancel, Error};
use weft_exposition::remote_read::Query;
use weft_tsdb::Tsdb;

use super::{compile, read_error};

/// Series between two looks at whether somebody still waits.
const SERIES_PER_LOOK: usize = 64;

/// Hands over the series of a selection that have samples.
pub(super) fn series(
    tsdb: &Tsdb,
    query: &Query,
    cancel: &Cancel,
    take: &mut dyn FnMut(SeriesSamples) -> ControlFlow<()>,
) -> Result<(), Error> {
    let matchers = compile(&query.matchers)?;
    let selected = tsdb.select(&matchers, query.start, query.end);
    let selection = selected.map_err(|error| read_error(&error))?;
    let labels = (0..selection.len()).map(|at| selection.labels(at).map(|labels| (labels, at)));
    let mut ordered: Vec<_> = labels
        .collect::<Result<_, _>>()
        .map_err(|error| read_error(&error))?;
    ordered.sort_unstable();
    for (i, (labels, at)) in ordered.into_iter().enumerate() {
        if i % SERIES_PER_LOOK == 0 {
            cancel.check()?;
        }
        let (mut times, mut values) = (Vec::new(), Vec::new());
        let read = selection.read_both(at, &mut times, &mut values);
        let histograms = read.map_err(|error| read_error(&error))?;
        if times.is_empty() && histograms.is_empty() {
            continue;
        }
        let found = SeriesSamples {
            labels,
            times,
            values,
            histograms,
        };
        if take(found).is_break() {
            break;
        }
    }
    Ok(())
}
