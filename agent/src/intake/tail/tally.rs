//! What the tailer counts between two reports.

/// Counts since the last report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Lines handed on.
    pub(crate) lines: u64,
    /// Bytes of files used.
    pub(crate) bytes: u64,
    /// Records that are not in the format of their file; handed on as they are.
    pub(crate) malformed: u64,
    /// Lines or batches that could not be encoded, and are lost.
    pub(crate) unencodable: u64,
    /// Files that went away before they were read to their end.
    pub(crate) gaps: u64,
    /// Files that were written over.
    pub(crate) truncations: u64,
    /// Reads that failed.
    pub(crate) read_errors: u64,
    /// Streams that were refused because there are too many.
    pub(crate) refused_streams: u64,
}
