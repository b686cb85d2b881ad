//! Which rules an asker wants: by kind, name, group, file and labels.

use weft_matcher::LabelMatcher;
use weft_promql::parse::parse_selector;

use crate::Error;
use crate::prometheus::watch::{Rule, RuleGroup, RuleKind};
use crate::request::Params;
use crate::request::params::invalid;

/// Whether the alerts of rules are listed with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShowAlerts {
    Yes,
    No,
}

/// What an asker wants.
pub(super) struct Wanted {
    kind: Option<Kind>,
    names: Vec<String>,
    groups: Vec<String>,
    files: Vec<String>,
    /// A rule is wanted when it fulfils all matchers of one selector.
    selectors: Vec<Vec<LabelMatcher>>,
    alerts: ShowAlerts,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Alert,
    Record,
}

impl Wanted {
    /// Reads `type`, `rule_name[]`, `rule_group[]`, `file[]`, `match[]` and `exclude_alerts`.
    pub(super) fn of(params: &Params) -> Result<Wanted, Error> {
        let kind = match params.get("type") {
            "" => None,
            "alert" => Some(Kind::Alert),
            "record" => Some(Kind::Record),
            other => return Err(invalid("type", format!("not supported value {other:?}"))),
        };
        let all = |name| params.all(name).map(str::to_owned).collect::<Vec<_>>();
        let selectors = params.all("match[]").map(selector);
        Ok(Wanted {
            kind,
            names: all("rule_name[]"),
            groups: all("rule_group[]"),
            files: all("file[]"),
            selectors: selectors.collect::<Result<_, _>>()?,
            alerts: show_alerts(params.get("exclude_alerts"))?,
        })
    }

    /// Tells whether alerts are listed.
    pub(super) fn alerts(&self) -> ShowAlerts {
        self.alerts
    }

    /// Leaves only the wanted rules in a group; tells whether there are any.
    pub(super) fn keep(&self, group: &mut RuleGroup) -> bool {
        let named =
            |list: &[String], name: &str| list.is_empty() || list.iter().any(|it| it == name);
        if !named(&self.groups, &group.name) || !named(&self.files, &group.file) {
            return false;
        }
        group
            .rules
            .retain(|rule| named(&self.names, &rule.name) && self.is_kind(rule) && self.fits(rule));
        !group.rules.is_empty()
    }

    fn is_kind(&self, rule: &Rule) -> bool {
        let kind = match rule.kind {
            RuleKind::Recording => Kind::Record,
            RuleKind::Alerting { .. } => Kind::Alert,
        };
        self.kind.is_none_or(|wanted| wanted == kind)
    }

    /// Tells whether the rule's own labels fit; what a template makes of a label is not known here.
    fn fits(&self, rule: &Rule) -> bool {
        let value = |name: &str| {
            let value = rule.labels.get(name);
            if value.contains("{{") { "" } else { value }
        };
        let fits_all = |matchers: &Vec<LabelMatcher>| {
            let mut matchers = matchers.iter();
            matchers.all(|matcher| matcher.matches(value(matcher.name())))
        };
        self.selectors.is_empty() || self.selectors.iter().any(fits_all)
    }
}

fn selector(text: &str) -> Result<Vec<LabelMatcher>, Error> {
    let matchers = parse_selector(text).map_err(|error| Error::bad_data(error.to_string()))?;
    LabelMatcher::compile_all(&matchers).map_err(|error| Error::bad_data(error.to_string()))
}

fn show_alerts(excluded: &str) -> Result<ShowAlerts, Error> {
    match excluded {
        "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(ShowAlerts::Yes),
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(ShowAlerts::No),
        other => {
            let why = format!(
                "error converting exclude_alerts: strconv.ParseBool: parsing {other:?}: invalid syntax"
            );
            Err(invalid("exclude_alerts", why))
        }
    }
}
