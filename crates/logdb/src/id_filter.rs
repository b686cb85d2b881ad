//! Which identifiers a block may hold: a Bloom filter over pieces of long runs of letters, digits
//! and dashes, such as trace ids.
//!
//! Trigrams do not tell ids apart, for a block full of hexadecimal numbers has them all. Of every
//! [`WINDOW`] neighbouring pieces of [`PIECE`] bytes the one with the least hash is noted, if it has
//! a digit (the choice is that of Schleimer's winnowing). A needle with a run of
//! [`RUN_MIN`] bytes holds a whole window, so the same piece is chosen in it wherever it begins
//! within the id. Case is folded. Bound: one filter of 2^20 bytes.

/// The bytes of a piece.
const PIECE: usize = 6;

/// The neighbouring pieces of which one is chosen.
const WINDOW: usize = 8;

/// The bytes of the shortest run that is certain to have a chosen piece.
const RUN_MIN: usize = PIECE + WINDOW - 1;

/// Bits of the filter for every piece.
const BITS_PER_KEY: usize = 9;

/// The bytes of one bucket: a key sets bits in one bucket only, so that one read answers.
pub(crate) const BUCKET_BYTES: usize = 32;

const BUCKETS_MAX: usize = (1 << 20) / BUCKET_BYTES;

/// Collects the keys of a text, sorted, each once.
pub(crate) fn keys_of(text: &[u8], keys: &mut Vec<u64>) {
    keys.clear();
    let mut at = 0;
    while at < text.len() {
        let run = text[at..].iter().take_while(|byte| in_run(**byte)).count();
        if run >= RUN_MIN {
            keys_of_run(&text[at..at + run], keys);
        }
        at += run + 1;
    }
    keys.sort_unstable();
    keys.dedup();
}

const IN_RUN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric() || byte as u8 == b'-';
        byte += 1;
    }
    table
};

fn in_run(byte: u8) -> bool {
    IN_RUN[usize::from(byte)]
}

/// The last bytes of a run, folded, as the piece that ends here.
#[derive(Default)]
struct Piece {
    folded: u64,
    /// One bit per byte that is a digit.
    digits: u8,
}

impl Piece {
    /// Takes the next byte.
    fn roll(&mut self, byte: u8) {
        const MASK: u64 = (1 << (8 * PIECE)) - 1;
        self.folded = ((self.folded << 8) | u64::from(byte.to_ascii_lowercase())) & MASK;
        self.digits = ((self.digits << 1) | u8::from(byte.is_ascii_digit())) & ((1 << PIECE) - 1);
    }

    /// Returns the piece's key; its lowest bit is [`HAS_DIGIT`].
    fn key(&self) -> u64 {
        let mixed = (self.folded ^ (self.folded >> 23)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed ^ (mixed >> 32)) & !HAS_DIGIT) | u64::from(self.digits != 0)
    }
}

/// The bit of a key that tells that its piece has a digit.
const HAS_DIGIT: u64 = 1;

fn keys_of_run(run: &[u8], keys: &mut Vec<u64>) {
    let mut piece = Piece::default();
    let mut window = [u64::MAX; WINDOW];
    let (mut least, mut least_at) = (u64::MAX, 0);
    let mut chosen = None;
    for (end, byte) in run.iter().enumerate() {
        piece.roll(*byte);
        let Some(at) = (end + 1).checked_sub(PIECE) else {
            continue;
        };
        let key = piece.key();
        window[at % WINDOW] = key;
        if key <= least {
            (least, least_at) = (key, at);
        } else if at - least_at >= WINDOW {
            (least, least_at) = least_of(&window, at);
        }
        // Neighbouring windows mostly choose the same piece.
        if at + 1 >= WINDOW && chosen != Some(least) {
            chosen = Some(least);
            if least & HAS_DIGIT != 0 {
                keys.push(least);
            }
        }
    }
}

/// Returns the least key of a full window whose last piece is at `last`, and where it is.
fn least_of(window: &[u64; WINDOW], last: usize) -> (u64, usize) {
    let pieces = (last + 1 - WINDOW..=last).map(|at| (window[at % WINDOW], at));
    // Of equal keys the later one: it stays longer.
    pieces
        .min_by_key(|(key, at)| (*key, usize::MAX - at))
        .unwrap_or((u64::MAX, last))
}

/// Builds the filter of some keys; without keys it has no bytes.
pub(crate) fn build(keys: &[u64]) -> Vec<u8> {
    let buckets = (keys.len() * BITS_PER_KEY)
        .div_ceil(BUCKET_BYTES * 8)
        .min(BUCKETS_MAX);
    let mut filter = vec![0; buckets * BUCKET_BYTES];
    for key in keys {
        let at = bucket_of(*key, filter.len()) as usize;
        let bucket = &mut filter[at..at + BUCKET_BYTES];
        for bit in bits_of(*key) {
            bucket[bit / 8] |= 1 << (bit % 8);
        }
    }
    filter
}

/// Returns where in a filter of this many bytes the bucket of a key begins.
pub(crate) fn bucket_of(key: u64, filter_bytes: usize) -> u64 {
    let buckets = (filter_bytes / BUCKET_BYTES) as u64;
    (((spread(key) >> 32) * buckets) >> 32) * BUCKET_BYTES as u64
}

/// Tells whether a bucket has the bits of a key.
pub(crate) fn bucket_has(bucket: &[u8], key: u64) -> bool {
    bits_of(key).iter().all(|bit| {
        let byte = bucket.get(bit / 8).copied().unwrap_or(0xff);
        byte >> (bit % 8) & 1 == 1
    })
}

/// Returns the four bits of a key within its bucket.
fn bits_of(key: u64) -> [usize; 4] {
    let spread = spread(key);
    [0, 8, 16, 24].map(|shift| ((spread >> shift) & 0xff) as usize)
}

/// Spreads keys evenly: those chosen as the least of several are small ones.
fn spread(key: u64) -> u64 {
    let mixed = (key ^ (key >> 31)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    let mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    mixed ^ (mixed >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(filter: &[u8], needle: &[u8]) -> bool {
        let mut keys = Vec::new();
        keys_of(needle, &mut keys);
        keys.iter().all(|key| {
            let at = bucket_of(*key, filter.len()) as usize;
            !filter.is_empty() && bucket_has(&filter[at..at + BUCKET_BYTES], *key)
        })
    }

    fn id(seed: u64) -> String {
        let number = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        format!(
            "{number:016x}{:016x}",
            number.wrapping_mul(0xbf58_476d_1ce4_e5b9)
        )
    }

    #[test]
    fn every_part_of_an_id_that_is_there_is_found() {
        let text: String = (0..200)
            .map(|seed| format!("trace={} ok\n", id(seed)))
            .collect();
        let mut keys = Vec::new();
        keys_of(text.as_bytes(), &mut keys);
        let filter = build(&keys);
        for seed in 0..200 {
            let id = id(seed).to_uppercase();
            for from in 0..=32 - RUN_MIN {
                for to in from + RUN_MIN..=32 {
                    assert!(
                        holds(&filter, &id.as_bytes()[from..to]),
                        "{}",
                        &id[from..to]
                    );
                }
            }
        }
    }

    #[test]
    fn an_id_that_is_not_there_is_mostly_not_found() {
        let text: String = (0..1000).map(|seed| id(seed) + " ").collect();
        let mut keys = Vec::new();
        keys_of(text.as_bytes(), &mut keys);
        let filter = build(&keys);
        let wrong = (1000..3000)
            .filter(|seed| holds(&filter, id(*seed).as_bytes()))
            .count();
        assert!(wrong < 20, "{wrong} of 2000");
        assert!(filter.len() < 1000 * 12, "{}", filter.len());
    }

    #[test]
    fn plain_words_make_no_keys() {
        let mut keys = vec![1];
        keys_of(
            b"IllegalArgumentException at organization.controller 12:30:45.123",
            &mut keys,
        );
        assert!(keys.is_empty());
        assert!(build(&keys).is_empty());
    }
}
