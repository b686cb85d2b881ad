//! Log lines at rest: head, blocks, tantivy index, retention.
