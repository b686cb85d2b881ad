//! What a log stream is: who writes it, where its files are, and how its records look.

use std::path::PathBuf;

use weft_model::Labels;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// How the records of a file look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// `<RFC 3339 time> <stdout|stderr> <P|F>[:tags] <body>`, as container runtimes write.
    Cri,
    /// One line, one entry.
    Plain,
}

/// A stream as it was discovered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StreamSpec {
    /// Names the stream on this node, also across restarts of the agent.
    pub(super) identity: String,
    /// Names the stream among those of all nodes.
    pub(super) key: u64,
    /// The labels of its lines.
    pub(super) labels: Labels,
    /// The file that is written to; its rotated predecessors lie beside it.
    pub(super) path: PathBuf,
    /// How its records look.
    pub(super) format: Format,
}

/// Returns the key of the stream `identity` of the node `node`.
pub(super) fn stream_key(node: &str, identity: &str) -> u64 {
    xxh3_64_with_seed(identity.as_bytes(), xxh3_64(node.as_bytes()))
}

/// The longest prefix of a file that tells it from others, in bytes.
pub(super) const PREFIX_BYTES: usize = 256;

/// Returns the fingerprint of a file that begins with `prefix`: of its first record, or of that
/// record's first [`PREFIX_BYTES`]; nothing while the record is incomplete.
pub(super) fn fingerprint(prefix: &[u8]) -> Option<u64> {
    let prefix = &prefix[..prefix.len().min(PREFIX_BYTES)];
    match memchr::memchr(b'\n', prefix) {
        Some(end) => Some(xxh3_64(&prefix[..end])),
        None => (prefix.len() == PREFIX_BYTES).then(|| xxh3_64(prefix)),
    }
}

/// Returns the id of a segment. `generation` tells apart the files of one stream that begin with
/// the same record, which happens where records carry no time; it is 0 otherwise.
pub(super) fn segment_id(key: u64, fingerprint: u64, generation: u32) -> u64 {
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&fingerprint.to_le_bytes());
    bytes[8..].copy_from_slice(&generation.to_le_bytes());
    xxh3_64_with_seed(&bytes, key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_waits_for_the_first_record_and_stays() {
        assert_eq!(fingerprint(b""), None);
        assert_eq!(fingerprint(b"first"), None);
        let short = fingerprint(b"first\n");
        assert!(short.is_some());
        assert_eq!(fingerprint(b"first\nsecond\n"), short);
        assert_ne!(fingerprint(b"other\n"), short);
        let long = [b'x'; 300];
        assert_eq!(fingerprint(&long), fingerprint(&long[..PREFIX_BYTES]));
        assert_eq!(fingerprint(&long[..PREFIX_BYTES - 1]), None);
    }

    #[test]
    fn segments_differ_by_stream_content_and_generation() {
        let (a, b) = (stream_key("n1", "x"), stream_key("n2", "x"));
        assert_ne!(a, b);
        assert_ne!(segment_id(a, 1, 0), segment_id(b, 1, 0));
        assert_ne!(segment_id(a, 1, 0), segment_id(a, 2, 0));
        assert_ne!(segment_id(a, 1, 0), segment_id(a, 1, 1));
    }
}
