//! Counting lines without reading them.

use hashbrown::HashMap;
use weft_matcher::LabelMatcher;
use weft_model::{Labels, Level, Matcher, Nanos};

use super::LogDb;
use super::view::{Candidate, Place};
use crate::block;
use crate::error::ReadError;
use crate::partition::prune::Pruner;
use crate::partition::seal::Tally;
use crate::selection::{SelectStats, StepCount, Steps, TimeRange};

/// The label of a line's level, which is counted whatever the metadata.
const DETECTED_LEVEL: &str = "detected_level";

/// Lines and bytes by stream.
pub(super) type Totals = HashMap<Labels, (u64, u64)>;

/// What lines are sorted into: the steps of a question, or all of a range as one.
#[derive(Clone, Copy)]
struct Bins {
    range: TimeRange,
    steps: Option<Steps>,
}

impl Bins {
    fn of(&self, time: Nanos) -> Option<usize> {
        match &self.steps {
            Some(steps) => steps.of(time),
            None => self.range.contains(time).then_some(0),
        }
    }
}

/// Counts by step and level.
type Counts = HashMap<(usize, Level), (u64, u64)>;

impl LogDb {
    /// Counts the lines and bytes of matching streams per step and level, exactly. Blocks within
    /// one step are counted from the index; of others only times, levels and lengths are read.
    ///
    /// Returns nothing if lines may have metadata of one of the names in `labels`, other than
    /// `detected_level`: whoever groups by these must read the lines.
    pub fn counts(
        &self,
        matchers: &[Matcher],
        steps: Steps,
        labels: &[String],
        visit: &mut dyn FnMut(&Labels, StepCount),
    ) -> Result<Option<SelectStats>, ReadError> {
        let bins = Bins {
            range: steps.range(),
            steps: Some(steps),
        };
        self.binned(matchers, bins, labels, visit)
    }

    fn binned(
        &self,
        matchers: &[Matcher],
        bins: Bins,
        labels: &[String],
        visit: &mut dyn FnMut(&Labels, StepCount),
    ) -> Result<Option<SelectStats>, ReadError> {
        let matchers = LabelMatcher::compile_all(matchers)?;
        let view = self.view(bins.range);
        let is_metadata = |label: &&String| *label != DETECTED_LEVEL;
        let labels: Vec<String> = labels.iter().filter(is_metadata).cloned().collect();
        if view.may_have_metadata(&labels) {
            return Ok(None);
        }
        let mut stats = SelectStats::default();
        let mut candidates = view.candidates(&matchers, &Pruner::new(&[]), &mut stats)?;
        candidates.sort_by(|a, b| a.stream.as_bytes().cmp(b.stream.as_bytes()));
        for group in candidates.chunk_by(|a, b| a.stream == b.stream) {
            let mut counts = Counts::new();
            for candidate in group {
                if !count_block(candidate, bins, &mut counts, &mut stats)? {
                    stats.blocks_lost += 1;
                }
            }
            for ((step, level), (lines, bytes)) in counts {
                let count = StepCount {
                    step,
                    level,
                    lines,
                    bytes,
                };
                visit(&group[0].stream, count);
            }
        }
        Ok(Some(stats))
    }

    /// Counts the lines and bytes of each matching stream in a range.
    pub(super) fn totals(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<(Totals, SelectStats), ReadError> {
        let mut totals = Totals::new();
        let bins = Bins { range, steps: None };
        let counted = self.binned(matchers, bins, &[], &mut |stream, count| {
            let total = totals.entry_ref(stream).or_default();
            total.0 += count.lines;
            total.1 += count.bytes;
        })?;
        Ok((totals, counted.unwrap_or_default()))
    }
}

/// Adds the lines of a block; tells whether it could be read.
fn count_block(
    candidate: &Candidate,
    bins: Bins,
    counts: &mut Counts,
    stats: &mut SelectStats,
) -> Result<bool, ReadError> {
    let is_within = bins.range.covers(candidate.first, candidate.last);
    let last = bins.of(candidate.last);
    let one_step = bins
        .of(candidate.first)
        .filter(|step| is_within && last == Some(*step));
    let (partition, meta) = match (&candidate.place, one_step) {
        (Place::Raw(block), _) => {
            let mut start = 0;
            for (at, end) in block.ends.iter().enumerate() {
                let bytes = u64::from(*end - start);
                start = *end + 1;
                add_line(counts, bins, block.times[at], block.levels[at], bytes);
            }
            return Ok(true);
        }
        (Place::Pending(sealed), Some(step)) => {
            add_tally(counts, step, &sealed.tally);
            return Ok(true);
        }
        (Place::Stored(_, _, segment, document), Some(step)) => {
            add_tally(counts, step, &segment.tally(*document)?);
            return Ok(true);
        }
        (Place::Pending(sealed), None) => (&sealed.partition, &sealed.meta),
        (Place::Stored(partition, meta, ..), None) => (partition, meta),
    };
    let read = partition.read_block(meta).ok();
    let Some(columns) = read.and_then(|bytes| block::read_columns(&bytes).ok()) else {
        return Ok(false);
    };
    stats.blocks_read += 1;
    for (at, time) in columns.times.iter().enumerate() {
        let bytes = u64::try_from(columns.lengths[at]).unwrap_or(0);
        add_line(counts, bins, *time, columns.levels[at], bytes);
    }
    Ok(true)
}

fn add_line(counts: &mut Counts, bins: Bins, time: i64, level: Level, bytes: u64) {
    if let Some(step) = bins.of(Nanos(time)) {
        let count = counts.entry((step, level)).or_default();
        count.0 += 1;
        count.1 += bytes;
    }
}

fn add_tally(counts: &mut Counts, step: usize, tally: &Tally) {
    for level in Level::ALL {
        let (lines, bytes) = (tally.lines[level as usize], tally.bytes[level as usize]);
        if lines > 0 {
            let count = counts.entry((step, level)).or_default();
            count.0 += lines;
            count.1 += bytes;
        }
    }
}
