//! The envelope of every answer.

use axum::response::Response;

use crate::Error;
use crate::response::{json, reply};

/// What begins every answer.
pub(super) const HEAD: &[u8] = b"{\"status\":\"success\",\"data\":";

/// The warning of an answer that was cut.
pub(super) const TRUNCATED: &str = "results truncated due to limit";

/// What stands behind the data.
#[derive(Debug, Default)]
pub(super) struct Remarks {
    pub(super) warnings: Vec<String>,
    pub(super) infos: Vec<String>,
}

/// How many warnings are told, and how many infos.
const REMARKS_MAX: usize = 10;

impl Remarks {
    /// Keeps as many as are told and says how many are not.
    pub(super) fn cut(&mut self) {
        for (kind, remarks) in [("warning", &mut self.warnings), ("info", &mut self.infos)] {
            let more = remarks.len().saturating_sub(REMARKS_MAX);
            if more > 0 {
                remarks.truncate(REMARKS_MAX);
                remarks.push(format!("{more} more {kind} annotations omitted"));
            }
        }
    }

    /// Writes the end of the envelope.
    pub(super) fn tail(&self, out: &mut Vec<u8>) {
        for (name, remarks) in [("warnings", &self.warnings), ("infos", &self.infos)] {
            if !remarks.is_empty() {
                out.extend_from_slice(format!(",\"{name}\":").as_bytes());
                json::strings(out, remarks);
            }
        }
        out.push(b'}');
    }
}

/// Returns an answer whose data is written by `write`.
pub(super) fn success(write: impl FnOnce(&mut Vec<u8>)) -> Response {
    let mut body = HEAD.to_vec();
    write(&mut body);
    body.push(b'}');
    reply::json(body)
}

/// Returns sorted, distinct items, at most `limit` of them, with a warning if some were cut.
pub(super) fn sorted<T: Ord>(mut items: Vec<T>, limit: Option<usize>) -> (Vec<T>, Remarks) {
    // Stores mostly hand them over in order already.
    if !items.is_sorted_by(|one, next| one < next) {
        items.sort_unstable();
        items.dedup();
    }
    let most = limit.unwrap_or(usize::MAX);
    let mut remarks = Remarks::default();
    if items.len() > most {
        remarks.warnings.push(TRUNCATED.to_owned());
        items.truncate(most);
    }
    (items, remarks)
}

/// Puts an error into Prometheus's words.
pub(crate) async fn put_error_in(response: Response) -> Response {
    reply::in_words(response, reply::JSON, |error| {
        let mut body = Vec::new();
        write_error(&mut body, error);
        body
    })
}

fn write_error(out: &mut Vec<u8>, error: &Error) {
    out.extend_from_slice(b"{\"status\":\"error\",\"errorType\":");
    json::string(out, error.kind.word());
    out.extend_from_slice(b",\"error\":");
    json::string(out, &error.message);
    out.push(b'}');
}
