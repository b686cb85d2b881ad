//! Limits on what is admitted from outside. What is over a limit is dropped or refused with a
//! counted reason, never cut silently.

/// Labels of one series or log stream.
pub const LABELS_MAX: usize = 128;

/// Bytes of a label's name.
pub const LABEL_NAME_BYTES_MAX: usize = 1024;

/// Bytes of a label's value.
pub const LABEL_VALUE_BYTES_MAX: usize = 16 * 1024;

/// Bytes of one log line; a longer one is split and marked.
pub const LINE_BYTES_MAX: usize = 1024 * 1024;

/// Bytes of a batch's payload as sent.
pub const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes of a batch's payload once decompressed.
pub const BATCH_DECODED_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Bytes of one message on the wire.
pub const MESSAGE_BYTES_MAX: usize = BATCH_BYTES_MAX + 64 * 1024;

/// Bytes of a request body on the HTTP APIs, decompressed.
pub const HTTP_BODY_BYTES_MAX: usize = 32 * 1024 * 1024;
