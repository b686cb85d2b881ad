//! Loki's API over the log store.

mod fields;
mod tail;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use weft_api::loki::backend::{
    AggregateBy, Backend, DetectedField, DetectedLabel, FieldQuery, IndexStats, InstantQuery,
    Pattern, Selection, TailBatch, TailQuery, VolumeQuery, VolumeSeries,
};
use weft_api::{Cancel, Error};
use weft_exposition::loki::Push;
use weft_logdb::{ReadError, Steps};
use weft_logql::{Answer, Engine, Limits, RangeParams, Source};
use weft_model::{Labels, LabelsBuilder};

use super::prometheus::take_error;
use crate::query::{LineSource, range};
use crate::store::Store;

/// Answers Loki's clients.
#[derive(Debug)]
pub(crate) struct LokiBackend {
    store: Arc<Store>,
    /// Those who follow queries; they end with the backend.
    following: Mutex<JoinSet<()>>,
}

impl LokiBackend {
    pub(crate) fn new(store: Arc<Store>) -> LokiBackend {
        LokiBackend {
            store,
            following: Mutex::default(),
        }
    }

    /// Runs a question with the engine that gives up when `cancel` says so.
    fn ask<T>(&self, cancel: &Cancel, question: impl FnOnce(&Engine<'_>) -> T) -> T {
        let source = LineSource::new(&self.store.logdb);
        let cancelled = || cancel.is_canceled();
        question(&Engine::new(&source, Limits::default(), &cancelled))
    }

    /// Returns the bytes of each stream of a selection in each step.
    fn counted(
        &self,
        selection: &Selection,
        steps: Steps,
    ) -> Result<BTreeMap<Labels, Vec<u64>>, Error> {
        let source = LineSource::new(&self.store.logdb);
        let steps = weft_logql::Steps {
            start: steps.start,
            step: steps.step,
            count: steps.count,
        };
        let asked = weft_logql::CountSelection {
            matchers: &selection.matchers,
            steps,
            labels: &[],
        };
        let mut streams: BTreeMap<Labels, Vec<u64>> = BTreeMap::new();
        let mut visit = |labels: &Labels, count: weft_logql::StepCount| {
            let bytes = streams
                .entry(labels.clone())
                .or_insert_with(|| vec![0; steps.count]);
            if let Some(bytes) = bytes.get_mut(count.step) {
                *bytes += count.bytes;
            }
        };
        source
            .counts(&asked, &mut visit)
            .map_err(|error| Error::internal(&error))?;
        Ok(streams)
    }

    /// Returns the bytes of each group of a volume query in each step.
    fn grouped(
        &self,
        query: &VolumeQuery,
        steps: Steps,
    ) -> Result<BTreeMap<Labels, Vec<u64>>, Error> {
        let mut groups: BTreeMap<Labels, Vec<u64>> = BTreeMap::new();
        for (labels, bytes) in self.counted(&query.selection, steps)? {
            for group in groups_of(&labels, query) {
                let sums = groups.entry(group).or_insert_with(|| vec![0; steps.count]);
                sums.iter_mut()
                    .zip(&bytes)
                    .for_each(|(sum, bytes)| *sum += bytes);
            }
        }
        Ok(groups)
    }
}

impl Backend for LokiBackend {
    fn caveat(&self) -> Option<String> {
        self.store.replay_warning()
    }

    fn query(&self, query: &InstantQuery, cancel: &Cancel) -> Result<Answer, Error> {
        let expression = weft_logql::parse(&query.query).map_err(weft_logql::QueryError::from)?;
        Ok(self.ask(cancel, |engine| engine.instant(&expression, query.time))?)
    }

    fn query_range(
        &self,
        query: &str,
        params: &RangeParams,
        cancel: &Cancel,
    ) -> Result<Answer, Error> {
        let expression = weft_logql::parse(query).map_err(weft_logql::QueryError::from)?;
        Ok(self.ask(cancel, |engine| engine.range(&expression, params))?)
    }

    fn labels(&self, selection: &Selection) -> Result<Vec<String>, Error> {
        let within = range(selection.start, selection.end);
        self.store
            .logdb
            .label_names(&selection.matchers, within)
            .map_err(read_error)
    }

    fn label_values(&self, name: &str, selection: &Selection) -> Result<Vec<String>, Error> {
        let within = range(selection.start, selection.end);
        self.store
            .logdb
            .label_values(name, &selection.matchers, within)
            .map_err(read_error)
    }

    fn series(&self, selections: &[Selection]) -> Result<Vec<Labels>, Error> {
        let mut found = BTreeSet::new();
        for selection in selections {
            let within = range(selection.start, selection.end);
            found.extend(
                self.store
                    .logdb
                    .series(&selection.matchers, within)
                    .map_err(read_error)?,
            );
        }
        Ok(found.into_iter().collect())
    }

    fn stats(&self, selection: &Selection) -> Result<IndexStats, Error> {
        let within = range(selection.start, selection.end);
        let stats = self
            .store
            .logdb
            .stats(&selection.matchers, within)
            .map_err(read_error)?;
        let weft_logdb::Stats {
            streams,
            chunks,
            entries,
            bytes,
        } = stats;
        Ok(IndexStats {
            streams,
            chunks,
            entries,
            bytes,
        })
    }

    fn volume(&self, query: &VolumeQuery) -> Result<Vec<(Labels, u64)>, Error> {
        let (start, end) = (query.selection.start, query.selection.end);
        let width = end.0.saturating_sub(start.0).max(1);
        let groups = self.grouped(
            query,
            Steps {
                start,
                step: width,
                count: 1,
            },
        )?;
        let mut volumes: Vec<_> = groups
            .into_iter()
            .map(|(labels, bytes)| (labels, bytes[0]))
            .collect();
        volumes.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        volumes.truncate(query.limit);
        Ok(volumes)
    }

    fn volume_range(
        &self,
        query: &VolumeQuery,
        step_nanos: i64,
    ) -> Result<Vec<VolumeSeries>, Error> {
        let (start, end) = (query.selection.start, query.selection.end);
        let width = end.0.saturating_sub(start.0).max(1);
        let step = step_nanos.max(width / 11_000 + 1);
        let count = usize::try_from(width / step + 1).unwrap_or(1);
        let groups = self.grouped(query, Steps { start, step, count })?;
        let mut series: Vec<_> = groups.into_iter().collect();
        series.sort_by_cached_key(|(labels, bytes)| {
            (u64::MAX - bytes.iter().sum::<u64>(), labels.clone())
        });
        series.truncate(query.limit);
        let points = |bytes: Vec<u64>| {
            let ends = (1i64..).map(|at| start.plus(step.saturating_mul(at)));
            ends.zip(bytes).filter(|(_, bytes)| *bytes > 0).collect()
        };
        Ok(series
            .into_iter()
            .map(|(labels, bytes)| VolumeSeries {
                labels,
                points: points(bytes),
            })
            .collect())
    }

    fn detected_labels(&self, selection: &Selection) -> Result<Vec<DetectedLabel>, Error> {
        let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for labels in self.series(std::slice::from_ref(selection))? {
            for (name, value) in labels.iter() {
                values
                    .entry(name.to_owned())
                    .or_default()
                    .insert(value.to_owned());
            }
        }
        let detected = |(label, values): (String, BTreeSet<String>)| DetectedLabel {
            label,
            cardinality: values.len() as u64,
        };
        Ok(values.into_iter().map(detected).collect())
    }

    fn detected_fields(
        &self,
        query: &FieldQuery,
        cancel: &Cancel,
    ) -> Result<Vec<DetectedField>, Error> {
        self.ask(cancel, |engine| fields::detect(engine, query))
    }

    fn detected_field_values(
        &self,
        name: &str,
        query: &FieldQuery,
        cancel: &Cancel,
    ) -> Result<Vec<String>, Error> {
        self.ask(cancel, |engine| fields::values(engine, name, query))
    }

    fn patterns(&self, _: &Selection, _: Nanos64, _: &Cancel) -> Result<Vec<Pattern>, Error> {
        // Nothing is known of patterns: an empty answer is what Loki gives then, too.
        Ok(Vec::new())
    }

    fn push(&self, push: Push<'_>) -> Result<(), Error> {
        self.store.take_push(&push).map_err(take_error)
    }

    fn tail(&self, query: &TailQuery) -> Result<mpsc::Receiver<TailBatch>, Error> {
        let (following, receiver) = tail::follow(&self.store, query)?;
        let mut tasks = self
            .following
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(following);
        Ok(receiver)
    }
}

/// A number of nanoseconds.
type Nanos64 = i64;

/// Returns the groups that a stream's volume counts for.
fn groups_of(labels: &Labels, query: &VolumeQuery) -> Vec<Labels> {
    let asked = |name: &str| {
        if query.target_labels.is_empty() {
            query
                .selection
                .matchers
                .iter()
                .any(|matcher| matcher.name == name)
        } else {
            query.target_labels.iter().any(|target| target == name)
        }
    };
    match query.aggregate_by {
        AggregateBy::Series => Vec::from([labels.filtered(asked)]),
        AggregateBy::Labels => {
            let named = labels
                .iter()
                .filter(|(name, _)| query.target_labels.is_empty() || asked(name));
            let single = |(name, _): (&str, &str)| {
                let mut builder = LabelsBuilder::new();
                builder.set(name, "");
                // A group of this kind is the name alone; its value says nothing.
                builder.set("label", name);
                builder.build()
            };
            named.map(single).collect()
        }
    }
}

fn read_error(error: ReadError) -> Error {
    match &error {
        ReadError::Pattern(_) => Error::bad_data(error.to_string()),
        ReadError::Index(_) => Error::internal(&error),
    }
}
