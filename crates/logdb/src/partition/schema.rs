//! The fields of a block's document.

use tantivy::schema::{
    BytesOptions, Field, IndexRecordOption, NumericOptions, Schema, TextFieldIndexing, TextOptions,
};
use weft_model::Level;

use crate::error::IndexError;

/// The fields by what they hold.
#[derive(Clone, Copy)]
pub(super) struct Fields {
    /// The stream's labels in their canonical encoding.
    pub(super) stream: Field,
    /// The trigrams of the lines.
    pub(super) gram: Field,
    /// The names in the metadata of lines.
    pub(super) metadata: Field,
    pub(super) first: Field,
    pub(super) last: Field,
    pub(super) block_at: Field,
    pub(super) block_len: Field,
    pub(super) filter_at: Field,
    pub(super) filter_len: Field,
    /// The journal position up to which the stream's lines are in this block or earlier.
    pub(super) position: Field,
    /// Lines and bytes of each level.
    pub(super) lines: [Field; Level::COUNT],
    pub(super) bytes: [Field; Level::COUNT],
}

/// Returns the name of the column that counts the lines of a level.
pub(super) fn lines_name(level: Level) -> String {
    format!("lines_{}", level.as_str())
}

/// Returns the name of the column that counts the bytes of a level.
pub(super) fn bytes_name(level: Level) -> String {
    format!("bytes_{}", level.as_str())
}

/// Returns the schema.
pub(super) fn schema() -> Schema {
    let mut builder = Schema::builder();
    let indexed = NumericOptions::default().set_indexed();
    let fast = NumericOptions::default().set_fast();
    let raw = TextFieldIndexing::default()
        .set_tokenizer("raw")
        .set_fieldnorms(false)
        .set_index_option(IndexRecordOption::Basic);
    builder.add_bytes_field("stream", BytesOptions::default().set_indexed());
    builder.add_u64_field("gram", indexed);
    builder.add_text_field("metadata", TextOptions::default().set_indexing_options(raw));
    builder.add_i64_field("first", fast.clone());
    builder.add_i64_field("last", fast.clone());
    for name in [
        "block_at",
        "block_len",
        "filter_at",
        "filter_len",
        "position",
    ] {
        builder.add_u64_field(name, fast.clone());
    }
    for level in Level::ALL {
        builder.add_u64_field(&lines_name(level), fast.clone());
        builder.add_u64_field(&bytes_name(level), fast.clone());
    }
    builder.build()
}

impl Fields {
    /// Finds the fields in the schema of an index; one of another program's index lacks some.
    pub(super) fn of(schema: &Schema) -> Result<Fields, IndexError> {
        let field = |name: &str| schema.get_field(name);
        let mut lines = [Field::from_field_id(0); Level::COUNT];
        let mut bytes = lines;
        for level in Level::ALL {
            lines[level as usize] = field(&lines_name(level))?;
            bytes[level as usize] = field(&bytes_name(level))?;
        }
        Ok(Fields {
            stream: field("stream")?,
            gram: field("gram")?,
            metadata: field("metadata")?,
            first: field("first")?,
            last: field("last")?,
            block_at: field("block_at")?,
            block_len: field("block_len")?,
            filter_at: field("filter_at")?,
            filter_len: field("filter_len")?,
            position: field("position")?,
            lines,
            bytes,
        })
    }
}
