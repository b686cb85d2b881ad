//! What a part has of exemplars: those of one series in turn, or of several in a stretch of time.
//!
//! In: numbers of series, times. Out: exemplars, ascending by time, then labels. Bound: a page.

use std::sync::Arc;

use weft_model::Exemplar;

use super::ExemplarPage;
use crate::error::{Malformed, PartError};
use crate::part::meta::ExemplarEntry;
use crate::part::reader::{Part, recent};

/// The page that was used last.
#[derive(Default)]
pub(crate) struct RecentExemplars(Option<(u64, Arc<ExemplarPage>)>);

impl Part {
    /// Returns how many exemplars there are.
    pub(crate) fn exemplars_count(&self) -> u64 {
        let counts = self
            .meta
            .exemplars
            .iter()
            .map(|entry| u64::from(entry.count));
        counts.sum()
    }

    /// Appends all exemplars of a series; series asked in order find the page used last.
    pub(crate) fn exemplars_of(
        &self,
        series: u32,
        used: &mut RecentExemplars,
        out: &mut Vec<Exemplar>,
    ) -> Result<(), PartError> {
        let entries = &self.meta.exemplars;
        let first = entries.partition_point(|entry| entry.series.1 < series);
        for entry in entries[first..]
            .iter()
            .take_while(|entry| entry.series.0 <= series)
        {
            let page = self.exemplar_page(entry, used)?;
            let place = series - entry.series.0;
            let from = page.series.partition_point(|known| *known < place);
            let to = page.series.partition_point(|known| *known <= place);
            out.extend_from_slice(&page.exemplars[from..to]);
        }
        Ok(())
    }

    /// Hands out the exemplars from `start` to `end` of some series, which ascend.
    pub(crate) fn each_exemplar(
        &self,
        series: &[u32],
        (start, end): (i64, i64),
        each: &mut dyn FnMut(u32, &Exemplar),
    ) -> Result<(), PartError> {
        for entry in &self.meta.exemplars {
            let asked = series.partition_point(|number| *number < entry.series.0);
            let has_some = series
                .get(asked)
                .is_some_and(|number| *number <= entry.series.1);
            if !has_some || entry.min_time > end || entry.max_time < start {
                continue;
            }
            let mut used = RecentExemplars::default();
            let page = self.exemplar_page(entry, &mut used)?;
            for (place, exemplar) in page.series.iter().zip(&page.exemplars) {
                let number = entry.series.0 + place;
                if (start..=end).contains(&exemplar.time.0) && series.binary_search(&number).is_ok()
                {
                    each(number, exemplar);
                }
            }
        }
        Ok(())
    }

    fn exemplar_page<'a>(
        &self,
        entry: &ExemplarEntry,
        used: &'a mut RecentExemplars,
    ) -> Result<&'a ExemplarPage, PartError> {
        let get = || {
            let decode = |content: Vec<u8>| {
                let page = ExemplarPage::decode(&content)?;
                let first = page.series.first().copied();
                let last = page
                    .series
                    .last()
                    .map(|last| last.saturating_add(entry.series.0));
                let holds = first == Some(0)
                    && last == Some(entry.series.1)
                    && page.series.len() == entry.count as usize;
                let within = |it: &Exemplar| (entry.min_time..=entry.max_time).contains(&it.time.0);
                if holds && page.exemplars.iter().all(within) {
                    Ok(page)
                } else {
                    Err(Malformed("a page of exemplars is not what the tables say"))
                }
            };
            self.frame(entry.frame, decode)
        };
        recent(&mut used.0, entry.frame.offset, get)
    }
}
