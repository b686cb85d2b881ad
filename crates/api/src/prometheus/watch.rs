//! Targets, rules and alerts, as Prometheus lists them.

use weft_model::{Labels, Nanos};

/// Something that is scraped.
#[derive(Clone, Debug)]
pub struct Target {
    /// The labels that its series get.
    pub labels: Labels,
    /// The labels it was found with.
    pub discovered_labels: Labels,
    /// The name of the group it belongs to.
    pub pool: String,
    /// Where it is scraped.
    pub url: String,
    /// How the last scrape went.
    pub health: Health,
    /// What went wrong, empty when nothing did.
    pub last_error: String,
    /// When it was last scraped.
    pub last_scrape: Nanos,
    /// How long that took, in seconds.
    pub last_scrape_seconds: f64,
    /// How often it is scraped.
    pub interval: String,
    /// How long a scrape may take.
    pub timeout: String,
}

/// How a target or a rule fares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// Not tried yet.
    #[default]
    Unknown,
    /// Well.
    Good,
    /// Not well.
    Bad,
}

/// Rules that are evaluated together.
#[derive(Clone, Debug)]
pub struct RuleGroup {
    /// The group's name.
    pub name: String,
    /// The file it comes from.
    pub file: String,
    /// How often it is evaluated, in seconds.
    pub interval_seconds: f64,
    /// How many series or alerts a rule may make; 0 for any number.
    pub limit: usize,
    /// When it was last evaluated; zero for never.
    pub last_evaluation: Nanos,
    /// How long that took, in seconds.
    pub evaluation_seconds: f64,
    /// Its rules, in their order.
    pub rules: Vec<Rule>,
}

/// A rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The alert's or the recorded metric's name.
    pub name: String,
    /// PromQL.
    pub query: String,
    /// The labels it adds.
    pub labels: Labels,
    /// How the last evaluation went.
    pub health: Health,
    /// What went wrong, empty when nothing did.
    pub last_error: String,
    /// When it was last evaluated; zero for never.
    pub last_evaluation: Nanos,
    /// How long that took, in seconds.
    pub evaluation_seconds: f64,
    /// What it does with its result.
    pub kind: RuleKind,
}

/// What a rule does with its result.
#[derive(Clone, Debug)]
pub enum RuleKind {
    /// Writes it as a series.
    Recording,
    /// Raises alerts.
    Alerting {
        /// How long the condition must hold, in seconds.
        for_seconds: f64,
        /// How long an alert stays when the condition no longer holds, in seconds.
        keep_firing_for_seconds: f64,
        /// Texts for people.
        annotations: Labels,
        /// The alerts it has raised.
        alerts: Vec<Alert>,
    },
}

/// An alert that is pending or firing.
#[derive(Clone, Debug)]
pub struct Alert {
    /// Which alert it is.
    pub labels: Labels,
    /// Texts for people.
    pub annotations: Labels,
    /// How far it has come.
    pub state: AlertState,
    /// Since when its condition holds.
    pub active_at: Nanos,
    /// Since when it fires although its condition does not hold.
    pub keep_firing_since: Option<Nanos>,
    /// The value that its query had last.
    pub value: f64,
}

/// How far an alert has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlertState {
    /// Its condition does not hold.
    Inactive,
    /// Its condition has not held for long enough yet.
    Pending,
    /// It is told to people.
    Firing,
}
