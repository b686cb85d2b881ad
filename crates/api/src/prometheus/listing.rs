//! `/rules`, `/alerts` and their like.

use axum::response::Response;
use weft_model::Nanos;

use super::envelope;
use super::watch::Health;
use crate::response::{json, number};

/// Answers with none: notices are not sent through other processes.
pub(super) async fn alertmanagers() -> Response {
    envelope::success(|out| {
        out.extend_from_slice(b"{\"activeAlertmanagers\":[],\"droppedAlertmanagers\":[]}");
    })
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
