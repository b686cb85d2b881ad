//! The series that an agent has numbered.
//!
//! In: labels and metadata, once for each series. Out: numbers from 0, and the parts of a
//! dictionary. Bound: [`SERIES_MAX`] series, [`SAMPLES_MAX`] of one target; parts hold at most
//! [`PART_BYTES_MAX`] bytes of labels and text, so that they fit into a batch uncompressed.

use std::collections::HashMap;

use weft_model::{Labels, MetricKind, MetricMetadata};

use super::super::dictionary::{Defined, within_limits};
use super::super::reference::References;
use super::super::{SAMPLES_MAX, SERIES_MAX};

/// Bytes of own labels and of metadata in a part.
const PART_BYTES_MAX: usize = 3 << 20;

/// Bytes of all labels, those of targets repeated for each series, in a part.
const PART_DECODED_BYTES_MAX: usize = 24 << 20;

/// Bytes of a help text or a unit.
const TEXT_BYTES_MAX: usize = 64 << 10;

/// Why a series gets no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DefineError {
    /// Its labels or its help are over the limits.
    #[error("define series with labels or help over the limit")]
    Labels,
    /// All numbers are used.
    #[error("define series: all numbers are used")]
    Series,
    /// The target has as many series as a payload can hold; another target with the same labels
    /// can take more.
    #[error("define series: the target is full")]
    Target,
    /// There is no target of this number.
    #[error("define series of an unknown target")]
    UnknownTarget,
}

/// Targets, families and series by their numbers.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    targets: Vec<Target>,
    families: Vec<MetricMetadata>,
    family_numbers: HashMap<(MetricKind, String, String), u32>,
    series: Vec<Series>,
}

#[derive(Debug)]
struct Target {
    labels: Labels,
    series: Vec<u32>,
}

#[derive(Clone, Debug)]
struct Series {
    target: u32,
    family: u32,
    labels: Labels,
}

impl Catalogue {
    pub(super) fn len(&self) -> u32 {
        self.series.len() as u32
    }

    pub(super) fn add_target(&mut self, labels: Labels) -> u32 {
        let series = Vec::new();
        self.targets.push(Target { labels, series });
        self.targets.len() as u32 - 1
    }

    /// Returns the numbers of a target's series, ascending; none for an unknown target.
    pub(super) fn series_of(&self, target: u32) -> &[u32] {
        let target = self.targets.get(target as usize);
        target.map_or(&[], |target| &target.series)
    }

    pub(super) fn define(
        &mut self,
        target: u32,
        labels: Labels,
        metadata: &MetricMetadata,
    ) -> Result<u32, DefineError> {
        let number = self.len();
        let known = self.targets.get_mut(target as usize);
        let place = known.ok_or(DefineError::UnknownTarget)?;
        let text = metadata.help.len().max(metadata.unit.len());
        if !within_limits(&labels) || !within_limits(&place.labels) || text > TEXT_BYTES_MAX {
            return Err(DefineError::Labels);
        }
        if place.series.len() >= SAMPLES_MAX {
            return Err(DefineError::Target);
        }
        if number as usize >= SERIES_MAX {
            return Err(DefineError::Series);
        }
        place.series.push(number);
        let family = self.family(metadata);
        self.series.push(Series {
            target,
            family,
            labels,
        });
        Ok(number)
    }

    fn family(&mut self, metadata: &MetricMetadata) -> u32 {
        let MetricMetadata { kind, help, unit } = metadata;
        let key = (*kind, help.clone(), unit.clone());
        *self.family_numbers.entry(key).or_insert_with(|| {
            self.families.push(metadata.clone());
            self.families.len() as u32 - 1
        })
    }

    /// Returns the series from `first` on, as many as fit into one part.
    pub(super) fn part<'a>(&'a self, first: u32, bases: &References) -> Vec<Defined<'a>> {
        let mut part = Vec::new();
        let (mut bytes, mut decoded) = (0, 0);
        for (at, series) in self.series.iter().enumerate().skip(first as usize) {
            let target = &self.targets[series.target as usize];
            let metadata = &self.families[series.family as usize];
            let own = series.labels.as_bytes().len();
            let shared = target.labels.as_bytes().len();
            // Targets and texts are written once for a part; counting them for each series would
            // split parts too early, so they count where they are first used.
            let first_use = |seen: &Defined<'_>| seen.family != series.family;
            let texts = match part.last().is_none_or(first_use) {
                true => metadata.help.len() + metadata.unit.len(),
                false => 0,
            };
            let moved = |seen: &Defined<'_>| seen.target != series.target;
            let shared_once = if part.last().is_none_or(moved) {
                shared
            } else {
                0
            };
            bytes += own + texts + shared_once + 32;
            decoded += own + shared;
            if !part.is_empty() && (bytes > PART_BYTES_MAX || decoded > PART_DECODED_BYTES_MAX) {
                break;
            }
            part.push(Defined {
                target: series.target,
                target_labels: &target.labels,
                family: series.family,
                metadata,
                labels: &series.labels,
                base: bases.get(at).expect("every series has a base"),
            });
        }
        part
    }

    /// Gives new numbers to the series for which `keep` holds, and forgets the others. Returns
    /// the new number of each old one.
    pub(super) fn renumber(&mut self, mut keep: impl FnMut(u32) -> bool) -> Vec<Option<u32>> {
        for target in &mut self.targets {
            target.series.clear();
        }
        let mut numbers = Vec::with_capacity(self.series.len());
        let mut kept = Vec::new();
        for (old, series) in (0u32..).zip(std::mem::take(&mut self.series)) {
            let number = keep(old).then_some(kept.len() as u32);
            if let Some(number) = number {
                self.targets[series.target as usize].series.push(number);
                kept.push(series);
            }
            numbers.push(number);
        }
        self.series = kept;
        numbers
    }
}
