//! What a store may hold and for how long.
//!
//! In: values that the caller has checked. Out: plain fields, each with its unit in the name.

use weft_matcher::LabelMatcher;

/// How a store behaves; every field bounds something.
#[derive(Clone, Debug)]
pub struct Config {
    /// How long samples are kept; what is older is neither taken nor given.
    pub retention_millis: i64,
    /// How long those of some series are kept instead; of several rules that a series fulfils the
    /// first counts. At most [`RETENTION_RULES_MAX`] rules count.
    pub retention_by: Vec<Retention>,
    /// How many bytes the parts may take together, and never more than the disk has beside the
    /// reserve; the oldest day goes first. None for no limit: then nothing is given up for space.
    pub retention_bytes: Option<u64>,
    /// Whether days are rolled up when they are merged, and roll-ups are given.
    pub rollups: bool,
    /// How much of the disk merges leave free.
    pub reserve_bytes: u64,
    /// How long samples stay in the head once they are in a part.
    pub head_window_millis: i64,
    /// How many bytes of samples the head may hold; beyond it appends are refused.
    pub head_bytes_max: usize,
    /// How far ahead of the store's time a sample may lie.
    pub future_max_millis: i64,
    /// How many bytes of parts are kept decoded in memory.
    pub cache_bytes: usize,
    /// How many series one selection may have.
    pub selected_series_max: usize,
    /// How many exemplars are kept; of more the oldest go. Between two maintenances there may be
    /// some more.
    pub exemplars_max: usize,
    /// How long exemplars are kept, and never longer than their series' samples.
    pub exemplars_retention_millis: i64,
    /// Of how many metrics the metadata are kept.
    pub metadata_max: usize,
    /// How many deletions may wait for the merge that carries them out.
    pub deletions_max: usize,
    /// How many series may be active.
    pub budgets: Budgets,
}

/// How many rules [`Config::retention_by`] may have.
pub const RETENTION_RULES_MAX: usize = 64;

/// How long the samples of some series are kept.
#[derive(Clone, Debug)]
pub struct Retention {
    /// What the series fulfil, all of it.
    pub matchers: Vec<LabelMatcher>,
    /// How long their samples are kept.
    pub retention_millis: i64,
}

impl Config {
    /// Returns how long the samples are kept that are kept longest.
    pub(crate) fn longest_retention_millis(&self) -> i64 {
        let rules = self.retention_by.iter().map(|rule| rule.retention_millis);
        rules.fold(self.retention_millis, i64::max)
    }

    /// Returns how long all samples are kept, whatever rule is theirs.
    pub(crate) fn shortest_retention_millis(&self) -> i64 {
        let rules = self.retention_by.iter().map(|rule| rule.retention_millis);
        rules.fold(self.retention_millis, i64::min)
    }
}

/// How many series may be active; a new series beyond a budget is refused and its offender named.
#[derive(Clone, Debug)]
pub struct Budgets {
    /// In the whole store.
    pub series_max: usize,
    /// Of one metric name.
    pub series_per_metric_max: usize,
    /// Of one target.
    pub series_per_target_max: usize,
    /// The label that names a target.
    pub target_label: String,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            retention_millis: 15 * DAY_MILLIS,
            retention_by: Vec::new(),
            retention_bytes: None,
            rollups: true,
            reserve_bytes: 256 << 20,
            head_window_millis: 20 * 60_000,
            head_bytes_max: 2 << 30,
            future_max_millis: DAY_MILLIS,
            cache_bytes: 128 << 20,
            selected_series_max: 5_000_000,
            exemplars_max: 1_000_000,
            exemplars_retention_millis: i64::MAX,
            metadata_max: 100_000,
            deletions_max: 1_000,
            budgets: Budgets::default(),
        }
    }
}

impl Default for Budgets {
    fn default() -> Budgets {
        Budgets {
            series_max: 3_000_000,
            series_per_metric_max: 1_000_000,
            series_per_target_max: 200_000,
            target_label: "instance".to_owned(),
        }
    }
}

/// A day; a part never reaches beyond one.
pub(crate) const DAY_MILLIS: i64 = 86_400_000;
