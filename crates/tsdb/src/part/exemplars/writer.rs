//! Gathers the exemplars of a part while it is written.
//!
//! In: the exemplars of each series in turn. Out: frames, noted in the meta tables. Bound: a page.

use weft_model::Exemplar;

use super::{EXEMPLARS_PER_PAGE, ExemplarPage};
use crate::error::WriteError;
use crate::part::frame::Packing;
use crate::part::meta::ExemplarEntry;
use crate::part::output::Output;

/// The bytes of labels at which a page is closed.
const PAGE_BYTES: usize = 256 * 1024;

/// Exemplars being gathered.
#[derive(Default)]
pub(in crate::part) struct ExemplarWriter {
    /// Of the page being gathered; its frame is not known yet.
    entry: ExemplarEntry,
    page: ExemplarPage,
    label_bytes: usize,
    written: Vec<ExemplarEntry>,
}

impl ExemplarWriter {
    /// Adds exemplars of a series, ascending by time, then labels; series ascend.
    pub(in crate::part) fn add(
        &mut self,
        series: u32,
        exemplars: &[Exemplar],
        output: &mut Output<'_>,
    ) -> Result<(), WriteError> {
        for exemplar in exemplars {
            self.push(series, exemplar.clone());
            let is_full =
                self.label_bytes >= PAGE_BYTES || self.page.exemplars.len() >= EXEMPLARS_PER_PAGE;
            if is_full {
                self.close(output)?;
            }
        }
        Ok(())
    }

    fn push(&mut self, series: u32, exemplar: Exemplar) {
        let entry = &mut self.entry;
        if entry.count == 0 {
            entry.series.0 = series;
            (entry.min_time, entry.max_time) = (exemplar.time.0, exemplar.time.0);
        }
        entry.series.1 = series;
        entry.count += 1;
        entry.min_time = entry.min_time.min(exemplar.time.0);
        entry.max_time = entry.max_time.max(exemplar.time.0);
        self.label_bytes += exemplar.labels.as_bytes().len();
        self.page.push(series - entry.series.0, exemplar);
    }

    fn close(&mut self, output: &mut Output<'_>) -> Result<(), WriteError> {
        let page = std::mem::take(&mut self.page);
        let entry = std::mem::take(&mut self.entry);
        self.label_bytes = 0;
        // Texts gain from it in parts of any age, and there are few.
        let frame = output.frame(&page.encode(), Packing::Dense)?;
        self.written.push(ExemplarEntry { frame, ..entry });
        Ok(())
    }

    /// Writes what is left, and returns where all of it is.
    pub(in crate::part) fn finish(
        mut self,
        output: &mut Output<'_>,
    ) -> Result<Vec<ExemplarEntry>, WriteError> {
        if self.entry.count > 0 {
            self.close(output)?;
        }
        Ok(self.written)
    }
}
