//! The envelope of most answers, and errors.

use axum::response::Response;

use crate::response::{json, reply};

/// What begins most answers.
pub(super) const HEAD: &[u8] = b"{\"status\":\"success\",\"data\":";

/// Ends an envelope, with what may be missing from the answer.
pub(super) fn end(out: &mut Vec<u8>, caveat: Option<&str>) {
    if let Some(caveat) = caveat {
        out.extend_from_slice(b",\"warnings\":");
        json::strings(out, [caveat]);
    }
    out.push(b'}');
}

/// Returns an answer whose data is written by `write`.
pub(super) fn success(write: impl FnOnce(&mut Vec<u8>)) -> Response {
    let mut body = HEAD.to_vec();
    write(&mut body);
    body.push(b'}');
    reply::json(body)
}

/// Returns an answer without an envelope.
pub(super) fn bare(write: impl FnOnce(&mut Vec<u8>)) -> Response {
    let mut body = Vec::new();
    write(&mut body);
    reply::json(body)
}

/// Puts an error where Grafana looks for it (`message`) and where Prometheus's clients do
/// (`error`).
pub(super) async fn put_error_in(response: Response) -> Response {
    reply::in_words(response, reply::JSON, |error| {
        let mut body = b"{\"status\":\"error\",\"errorType\":".to_vec();
        json::string(&mut body, error.kind.word());
        for name in [",\"error\":", ",\"message\":"] {
            body.extend_from_slice(name.as_bytes());
            json::string(&mut body, &error.message);
        }
        body.push(b'}');
        body
    })
}
