//! Samples at rest: head, parts, index, compaction, retention.
