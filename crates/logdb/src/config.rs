//! How logs are kept.

/// The settings of a database; durations in nanoseconds, sizes in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The width of a partition: what retention drops at once, and what an index covers.
    pub partition_width: i64,
    /// Lines are dropped once their partition ended this long ago.
    pub retention: i64,
    /// The oldest partitions are dropped while all take more than this.
    pub retention_bytes: u64,
    /// The most partitions; lines outside of all of them then go to the nearest one.
    pub partitions_max: usize,
    /// An open block with this many bytes of lines is sealed.
    pub block_bytes: usize,
    /// An open block this long after its first line is sealed.
    pub block_age: i64,
    /// The bytes of open blocks beyond which the largest are sealed early; at twice as many,
    /// appending fails until there is room.
    pub head_bytes_max: usize,
    /// The bytes of sealed lines after which the index is committed.
    pub commit_bytes: u64,
    /// The bytes of recent lines that are kept for live tails.
    pub tail_bytes_max: usize,
    /// The level of zstd.
    pub compression: i32,
}

impl Default for Config {
    fn default() -> Config {
        const HOUR: i64 = 3_600_000_000_000;
        Config {
            partition_width: 24 * HOUR,
            retention: 31 * 24 * HOUR,
            retention_bytes: u64::MAX,
            partitions_max: 1024,
            block_bytes: 256 << 10,
            block_age: HOUR / 4,
            head_bytes_max: 256 << 20,
            commit_bytes: 256 << 20,
            tail_bytes_max: 8 << 20,
            compression: 1,
        }
    }
}
