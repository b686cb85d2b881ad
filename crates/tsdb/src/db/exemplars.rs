//! Exemplars: where they enter, how they are found, and how long they are kept.
//!
//! In: exemplars of series, questions, the time. Out: at most one exemplar of a series with the
//! same time and labels, the last one written. Bound: [`Config::exemplars_max`] of the store: what
//! is older than the newest ones is not given any more, and not written when parts are merged.
//!
//! [`Config::exemplars_max`]: crate::Config::exemplars_max

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};

use weft_matcher::LabelMatcher;
use weft_model::{Exemplar, Labels, Millis};

use super::expiry::earliest_of_labels;
use super::maintain::Maintenance;
use super::{Inner, Tsdb};
use crate::error::{PartError, ReadError, Rejected, WriteError};
use crate::head::SeriesRef;
use crate::head::exemplars::{Exemplars, OfSeries};
use crate::matching::matching;
use crate::view::Served;

/// What the labels of an exemplar may take.
const LABEL_BYTES_MAX: usize = 2048;

/// When there are too many, one in so many goes beyond those, so that the next look is not due
/// at once.
const ROOM_SHARE: usize = 16;

/// What is known of the exemplars in parts that are given no more, because there were too many.
#[derive(Default)]
pub(super) struct Outnumbered {
    /// How many these are, by part.
    hidden: HashMap<u64, u64>,
    /// Whether they were looked for since the store was opened.
    is_known: bool,
}

impl Tsdb {
    /// Keeps an exemplar of a series; of too many the oldest go.
    pub fn append_exemplar(&self, series: SeriesRef, exemplar: Exemplar) -> Result<(), Rejected> {
        self.inner.append_exemplar(series, exemplar)
    }

    /// Returns the exemplars from `start` to `end`, both included, of the series that fulfil the
    /// matchers: each series' labels with its exemplars, ascending by time.
    pub fn exemplars(
        &self,
        matchers: &[LabelMatcher],
        start: Millis,
        end: Millis,
    ) -> Result<Vec<(Labels, Vec<Exemplar>)>, ReadError> {
        self.inner.exemplars(matchers, start.0, end.0)
    }
}

impl Inner {
    pub(super) fn exemplars_kept(&self) -> MutexGuard<'_, Exemplars> {
        let kept = self.exemplars.lock();
        kept.unwrap_or_else(PoisonError::into_inner)
    }

    fn append_exemplar(&self, series: SeriesRef, exemplar: Exemplar) -> Result<(), Rejected> {
        let slot = self.head.slot_of(series).ok_or(Rejected::Stale)?;
        self.admission().admit(exemplar.time.0)?;
        if exemplar.labels.as_bytes().len() > LABEL_BYTES_MAX {
            return Err(Rejected::Labels);
        }
        if self.exemplars_kept().is_new(series, &exemplar) {
            let labels = self.head.index().labels(slot);
            self.exemplars_kept().push(labels, exemplar);
        }
        Ok(())
    }

    fn exemplars(
        &self,
        matchers: &[LabelMatcher],
        start: i64,
        end: i64,
    ) -> Result<Vec<(Labels, Vec<Exemplar>)>, ReadError> {
        let start = start.max(self.exemplars_from());
        let fits = |labels: &Labels| {
            let mut each = matchers.iter();
            each.all(|matcher| matcher.matches(labels.get(matcher.name())))
        };
        // The head comes first: what a flush takes from it meanwhile is in the parts then.
        let waiting: Vec<(Labels, Exemplar)> = {
            let kept = self.exemplars_kept();
            let in_range = |it: &&(Labels, Exemplar)| (start..=end).contains(&it.1.time.0);
            let due = kept.iter().filter(in_range);
            due.filter(|(labels, _)| fits(labels)).cloned().collect()
        };
        let mut found: BTreeMap<Labels, OfSeries> = BTreeMap::new();
        for served in &self.views.present().parts {
            exemplars_in(served, matchers, (start, end), &mut found)?;
        }
        for (
            labels,
            Exemplar {
                labels: own,
                value,
                time,
            },
        ) in waiting
        {
            found.entry(labels).or_default().insert((time, own), value);
        }
        let now = self.admission().now;
        let mut given = Vec::new();
        for (labels, mut exemplars) in found {
            let earliest = earliest_of_labels(&labels, &self.config, now);
            exemplars.retain(|(time, _), _| time.0 >= earliest);
            if !exemplars.is_empty() {
                given.push((labels, listed(exemplars)));
            }
        }
        Ok(given)
    }

    /// Returns the time from which on exemplars are given.
    pub(super) fn exemplars_from(&self) -> i64 {
        let admission = self.admission();
        let kept = admission
            .now
            .saturating_sub(self.config.exemplars_retention_millis);
        let newest = self.exemplars_from.load(Ordering::Relaxed);
        admission.earliest.max(kept).max(newest)
    }

    /// Gives up the oldest exemplars if there are too many.
    pub(super) fn bound_exemplars(&self, maintenance: &mut Maintenance) -> Result<(), WriteError> {
        let view = self.views.present();
        let outnumbered = &mut maintenance.outnumbered;
        let present = |file: &u64| view.parts.iter().any(|it| it.part.number() == *file);
        outnumbered.hidden.retain(|file, _| present(file));
        let given = |served: &Served| {
            let hidden = outnumbered.hidden.get(&served.part.number());
            served
                .part
                .exemplars_count()
                .saturating_sub(hidden.copied().unwrap_or(0))
        };
        let count: u64 = view.parts.iter().map(|served| given(served)).sum();
        if count <= self.config.exemplars_max as u64 {
            return Ok(());
        }
        match self.outnumbered(&view.parts) {
            // The part is noted as corrupt and set aside by the next call.
            Err(fault) if fault.is_corrupt() => Ok(()),
            found => {
                let (from, hidden) = found?;
                self.exemplars_from.fetch_max(from, Ordering::Relaxed);
                let more = hidden.values().sum::<u64>();
                let before = outnumbered.hidden.values().sum::<u64>();
                if std::mem::replace(&mut outnumbered.is_known, true) {
                    let dropped = &self.counters.exemplars_dropped;
                    dropped.fetch_add(more.saturating_sub(before), Ordering::Relaxed);
                }
                outnumbered.hidden = hidden;
                Ok(())
            }
        }
    }

    /// Returns the time of the oldest exemplar that stays, and how many of each part are older.
    fn outnumbered(
        &self,
        parts: &[std::sync::Arc<Served>],
    ) -> Result<(i64, HashMap<u64, u64>), PartError> {
        let mut times: Vec<(i64, u64)> = Vec::new();
        for served in parts.iter().filter(|it| !it.part.meta.exemplars.is_empty()) {
            let all: Vec<u32> = (0..served.part.meta.series).collect();
            let file = served.part.number();
            let every = (i64::MIN, i64::MAX);
            let mut add = |_, exemplar: &Exemplar| times.push((exemplar.time.0, file));
            served.part.each_exemplar(&all, every, &mut add)?;
        }
        times.sort_unstable();
        let most = self.config.exemplars_max;
        let stay = most - most / ROOM_SHARE;
        let gone = times.len().saturating_sub(stay);
        // Of one time all go or none.
        let last = gone.checked_sub(1).map(|last| times[last].0);
        let from = last.map_or(i64::MIN, |last| last.saturating_add(1));
        let mut hidden: HashMap<u64, u64> = HashMap::new();
        for (_, file) in times.iter().take_while(|(time, _)| *time < from) {
            *hidden.entry(*file).or_default() += 1;
        }
        Ok((from, hidden))
    }
}

/// Adds what a part has, over what earlier ones had.
fn exemplars_in(
    served: &Served,
    matchers: &[LabelMatcher],
    (start, end): (i64, i64),
    found: &mut BTreeMap<Labels, OfSeries>,
) -> Result<(), PartError> {
    let part = &served.part;
    if part.meta.exemplars.is_empty() || !part.overlaps(start, end) {
        return Ok(());
    }
    let series = matching(&**part, matchers)?;
    let mut by_number: BTreeMap<u32, OfSeries> = BTreeMap::new();
    part.each_exemplar(&series, (start, end), &mut |number, exemplar| {
        if !served.hides(number, exemplar.time.0) {
            let of_series = by_number.entry(number).or_default();
            of_series.insert((exemplar.time, exemplar.labels.clone()), exemplar.value);
        }
    })?;
    let mut used = crate::part::Recent::default();
    for (number, exemplars) in by_number {
        let labels = part.labels(number, &mut used)?;
        found.entry(labels).or_default().extend(exemplars);
    }
    Ok(())
}

/// Returns the exemplars of a series as a list.
pub(crate) fn listed(exemplars: OfSeries) -> Vec<Exemplar> {
    let listed = exemplars
        .into_iter()
        .map(|((time, labels), value)| Exemplar {
            labels,
            value,
            time,
        });
    listed.collect()
}
