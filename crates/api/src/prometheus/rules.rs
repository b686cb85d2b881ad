//! `/rules` and `/alerts`: what is evaluated, how it fares, and what is wrong.

mod page;
mod select;

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::envelope;
use super::listing::{float, health, text, time};
use super::watch::{Alert, AlertState, Rule, RuleGroup, RuleKind};
use crate::Error;
use crate::app::App;
use crate::request::Params;
use crate::response::{json, number};
use page::Page;
use select::{ShowAlerts, Wanted};

/// Answers with the rules that the asker wants, group by group.
pub(super) async fn rules(State(app): State<Arc<App>>, params: Params) -> Result<Response, Error> {
    let wanted = Wanted::of(&params)?;
    let page = Page::of(&params)?;
    let backend = Arc::clone(&app.backends.prometheus);
    let groups = app.glance(move || Ok(backend.rules())).await?;
    let (groups, next) = page.cut(groups, |group| wanted.keep(group))?;
    let alerts = wanted.alerts();
    Ok(envelope::success(|out| {
        out.extend_from_slice(b"{\"groups\":");
        json::array(out, &groups, |out, group| write_group(out, group, alerts));
        if let Some(token) = next {
            text(out, "groupNextToken", &token);
        }
        out.push(b'}');
    }))
}

/// Answers with the alerts that are pending or firing.
pub(super) async fn alerts(State(app): State<Arc<App>>) -> Result<Response, Error> {
    let backend = Arc::clone(&app.backends.prometheus);
    let alerts = app.glance(move || Ok(backend.alerts())).await?;
    Ok(envelope::success(|out| {
        out.extend_from_slice(b"{\"alerts\":");
        json::array(out, &alerts, write_alert);
        out.push(b'}');
    }))
}

fn write_group(out: &mut Vec<u8>, group: &RuleGroup, alerts: ShowAlerts) {
    out.extend_from_slice(b"{\"name\":");
    json::string(out, &group.name);
    text(out, "file", &group.file);
    out.extend_from_slice(b",\"rules\":");
    json::array(out, &group.rules, |out, rule| write_rule(out, rule, alerts));
    float(out, "interval", group.interval_seconds);
    number::print(out, format_args!(",\"limit\":{}", group.limit));
    float(out, "evaluationTime", group.evaluation_seconds);
    time(out, "lastEvaluation", group.last_evaluation);
    out.push(b'}');
}

fn write_rule(out: &mut Vec<u8>, rule: &Rule, show: ShowAlerts) {
    out.push(b'{');
    if let RuleKind::Alerting { alerts, .. } = &rule.kind {
        let state = alerts.iter().map(|alert| alert.state).max();
        let word = alert_state(state.unwrap_or(AlertState::Inactive));
        number::print(out, format_args!("\"state\":\"{word}\","));
    }
    out.extend_from_slice(b"\"name\":");
    json::string(out, &rule.name);
    text(out, "query", &rule.query);
    let kind = match &rule.kind {
        RuleKind::Recording => {
            if !rule.labels.is_empty() {
                labels(out, "labels", &rule.labels);
            }
            "recording"
        }
        RuleKind::Alerting {
            for_seconds,
            keep_firing_for_seconds,
            annotations,
            alerts,
        } => {
            float(out, "duration", *for_seconds);
            float(out, "keepFiringFor", *keep_firing_for_seconds);
            labels(out, "labels", &rule.labels);
            labels(out, "annotations", annotations);
            out.extend_from_slice(b",\"alerts\":");
            match show {
                ShowAlerts::Yes => json::array(out, alerts, write_alert),
                ShowAlerts::No => out.extend_from_slice(b"null"),
            }
            "alerting"
        }
    };
    text(out, "health", health(rule.health, ["unknown", "ok", "err"]));
    if !rule.last_error.is_empty() {
        text(out, "lastError", &rule.last_error);
    }
    float(out, "evaluationTime", rule.evaluation_seconds);
    time(out, "lastEvaluation", rule.last_evaluation);
    text(out, "type", kind);
    out.push(b'}');
}

fn write_alert(out: &mut Vec<u8>, alert: &Alert) {
    out.extend_from_slice(b"{\"labels\":");
    json::labels(out, &alert.labels);
    labels(out, "annotations", &alert.annotations);
    text(out, "state", alert_state(alert.state));
    time(out, "activeAt", alert.active_at);
    if let Some(since) = alert.keep_firing_since {
        time(out, "keepFiringSince", since);
    }
    out.extend_from_slice(b",\"value\":\"");
    number::scientific(out, alert.value);
    out.extend_from_slice(b"\"}");
}

fn alert_state(state: AlertState) -> &'static str {
    match state {
        AlertState::Inactive => "inactive",
        AlertState::Pending => "pending",
        AlertState::Firing => "firing",
    }
}

fn labels(out: &mut Vec<u8>, name: &str, labels: &weft_model::Labels) {
    number::print(out, format_args!(",\"{name}\":"));
    json::labels(out, labels);
}
