//! The open samples of 1024 series, one array for each property.
//!
//! In: samples in order of time. Out: the last eight at most, until they are sealed.
//! Bound: 135 bytes a series, allocated zeroed and touched as series are used.

/// How many series a block holds.
pub(crate) const SERIES: usize = 1024;

/// How many samples a series keeps open.
pub(crate) const OPEN_MAX: usize = 8;

/// No flush yet.
pub(crate) const NEVER: u32 = u32::MAX;

/// Returns the second that a time of the store lies in.
pub(crate) fn second_of(now: i64) -> u32 {
    u32::try_from(now.max(0) / 1000).map_or(NEVER - 1, |second| second.min(NEVER - 1))
}

/// The arrays; all are indexed by the series' place in the block.
pub(crate) struct Block {
    /// The time of the first open sample.
    pub(crate) base: Box<[i64]>,
    /// The time of the newest sample, [`i64::MIN`] if there was none.
    pub(crate) last: Box<[i64]>,
    /// The newest sealed chunk's position in the log, plus one; 0 for none.
    pub(crate) chain: Box<[u64]>,
    /// How many samples the newest chunks have that are small.
    pub(crate) small: Box<[u8]>,
    /// How many samples the chunks before those have that are of middle size.
    pub(crate) middle: Box<[u8]>,
    /// How many of the newest samples, sealed ones included, are in no part.
    pub(crate) unflushed: Box<[u32]>,
    /// The second of the last flush that had samples of the series, by the store's time;
    /// [`NEVER`] before the first one.
    pub(crate) flushed_at: Box<[u32]>,
    /// Tells a slot's series from the ones that had the slot before.
    pub(crate) generation: Box<[u32]>,
    /// How many samples are open.
    pub(crate) len: Box<[u8]>,
    /// The open samples' times from `base` on.
    pub(crate) offsets: Box<[[u32; OPEN_MAX]]>,
    pub(crate) values: Box<[[f64; OPEN_MAX]]>,
}

impl Block {
    pub(crate) fn new() -> Block {
        Block {
            base: vec![0; SERIES].into(),
            last: vec![i64::MIN; SERIES].into(),
            chain: vec![0; SERIES].into(),
            small: vec![0; SERIES].into(),
            middle: vec![0; SERIES].into(),
            unflushed: vec![0; SERIES].into(),
            flushed_at: vec![NEVER; SERIES].into(),
            generation: vec![0; SERIES].into(),
            len: vec![0; SERIES].into(),
            offsets: vec![[0; OPEN_MAX]; SERIES].into(),
            values: vec![[0.0; OPEN_MAX]; SERIES].into(),
        }
    }

    /// Forgets what the series had and names the next one.
    pub(crate) fn reset(&mut self, at: usize, generation: u32) {
        self.last[at] = i64::MIN;
        self.chain[at] = 0;
        self.small[at] = 0;
        self.middle[at] = 0;
        self.unflushed[at] = 0;
        self.flushed_at[at] = NEVER;
        self.generation[at] = generation;
        self.len[at] = 0;
    }

    /// Returns the open samples, ascending by time.
    pub(crate) fn open(&self, at: usize) -> impl DoubleEndedIterator<Item = (i64, f64)> + '_ {
        let base = self.base[at];
        let len = usize::from(self.len[at]);
        let offsets = self.offsets[at][..len].iter();
        offsets
            .map(move |offset| base + i64::from(*offset))
            .zip(self.values[at][..len].iter().copied())
    }
}
