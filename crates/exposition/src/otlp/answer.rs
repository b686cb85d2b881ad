//! What an exporter is answered.

use crate::wire::Writer;

/// Returns an `ExportMetricsServiceResponse`; it is empty when nothing was left out.
pub fn response(points_rejected: u64, message: &str) -> Vec<u8> {
    let mut answer = Writer::default();
    if points_rejected > 0 || !message.is_empty() {
        answer.message(1, |partial| {
            partial.number(1, points_rejected);
            partial.bytes(2, message.as_bytes());
        });
    }
    answer.into_bytes()
}

/// Returns a `google.rpc.Status` that says what is wrong.
pub fn status(message: &str) -> Vec<u8> {
    let mut answer = Writer::default();
    answer.bytes(2, message.as_bytes());
    answer.into_bytes()
}
