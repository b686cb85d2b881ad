//! `/rules`, `/alerts` and their like.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use weft_model::Nanos;

use super::envelope;
use super::watch::{Alert, AlertState, Health, Rule, RuleGroup, RuleKind};
use crate::Error;
use crate::app::App;
use crate::request::Params;
use crate::response::{json, number};

/// Answers with rules, those of one `type` if the asker says so.
pub(super) async fn rules(State(app): State<Arc<App>>, params: Params) -> Result<Response, Error> {
    let backend = Arc::clone(&app.backends.prometheus);
    let mut groups = app.glance(move || Ok(backend.rules())).await?;
    let kind = params.find("type");
    for group in &mut groups {
        group
            .rules
            .retain(|rule| kind.is_none_or(|kind| kind == kind_of(rule)));
    }
    Ok(envelope::success(|out| {
        out.extend_from_slice(b"{\"groups\":");
        json::array(out, &groups, write_group);
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

/// Answers with none: notices are not sent through other processes.
pub(super) async fn alertmanagers() -> Response {
    envelope::success(|out| {
        out.extend_from_slice(b"{\"activeAlertmanagers\":[],\"droppedAlertmanagers\":[]}");
    })
}

/// The parameter's word, which is not the one of the answer.
fn kind_of(rule: &Rule) -> &'static str {
    match rule.kind {
        RuleKind::Recording => "record",
        RuleKind::Alerting { .. } => "alert",
    }
}

fn write_group(out: &mut Vec<u8>, group: &RuleGroup) {
    out.extend_from_slice(b"{\"name\":");
    json::string(out, &group.name);
    text(out, "file", &group.file);
    out.extend_from_slice(b",\"rules\":");
    json::array(out, &group.rules, write_rule);
    float(out, "interval", group.interval_seconds);
    out.extend_from_slice(b",\"limit\":0");
    float(out, "evaluationTime", group.evaluation_seconds);
    time(out, "lastEvaluation", group.last_evaluation);
    out.push(b'}');
}

fn write_rule(out: &mut Vec<u8>, rule: &Rule) {
    out.extend_from_slice(b"{\"name\":");
    json::string(out, &rule.name);
    text(out, "query", &rule.query);
    out.extend_from_slice(b",\"labels\":");
    json::labels(out, &rule.labels);
    let kind = match &rule.kind {
        RuleKind::Recording => "recording",
        RuleKind::Alerting {
            for_seconds,
            keep_firing_for_seconds,
            annotations,
            alerts,
        } => {
            let state = alerts.iter().map(|alert| alert.state).max();
            text(
                out,
                "state",
                alert_state(state.unwrap_or(AlertState::Inactive)),
            );
            float(out, "duration", *for_seconds);
            float(out, "keepFiringFor", *keep_firing_for_seconds);
            out.extend_from_slice(b",\"annotations\":");
            json::labels(out, annotations);
            out.extend_from_slice(b",\"alerts\":");
            json::array(out, alerts, write_alert);
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
    out.extend_from_slice(b",\"annotations\":");
    json::labels(out, &alert.annotations);
    text(out, "state", alert_state(alert.state));
    time(out, "activeAt", alert.active_at);
    out.extend_from_slice(b",\"value\":\"");
    number::value(out, alert.value);
    out.extend_from_slice(b"\"}");
}

fn alert_state(state: AlertState) -> &'static str {
    match state {
        AlertState::Inactive => "inactive",
        AlertState::Pending => "pending",
        AlertState::Firing => "firing",
    }
}

/// Returns the word for how something fares: not known, good, bad.
pub(super) fn health(health: Health, words: [&'static str; 3]) -> &'static str {
    match health {
        Health::Unknown => words[0],
        Health::Good => words[1],
        Health::Bad => words[2],
    }
}

/// Writes a field with text behind another one.
pub(super) fn text(out: &mut Vec<u8>, name: &str, text: &str) {
    number::print(out, format_args!(",\"{name}\":"));
    json::string(out, text);
}

/// Writes a field with a number behind another one.
pub(super) fn float(out: &mut Vec<u8>, name: &str, value: f64) {
    let value = if value.is_finite() { value } else { 0.0 };
    number::print(out, format_args!(",\"{name}\":{value}"));
}

/// Writes a field with a time behind another one; zero stands for never, which Go writes as the
/// first day of all.
pub(super) fn time(out: &mut Vec<u8>, name: &str, time: Nanos) {
    if time.0 == 0 {
        return text(out, name, "0001-01-01T00:00:00Z");
    }
    number::print(out, format_args!(",\"{name}\":\"{time}\""));
}
