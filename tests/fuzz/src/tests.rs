//! The promises hold for the seeds, and for many mutations of them, without a fuzzer.

use std::fs;
use std::path::Path;

/// How many mutations of each seed are tried.
const MUTATIONS: u64 = 300;

/// Numbers that look random and are the same in every run (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) % bound.max(1) as u64) as usize
    }
}

/// Changes, removes, repeats or inserts a few bytes.
fn mutated(seed: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len() + 1);
        let len = random.below(8).min(bytes.len() - at);
        match random.below(5) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if at < bytes.len() => bytes[at] = random.below(256) as u8,
            2 => drop(bytes.drain(at..at + len)),
            3 => {
                let again = bytes[at..at + len].to_vec();
                bytes.splice(at..at, again);
            }
            _ => bytes.insert(at, random.below(256) as u8),
        }
    }
    bytes
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("seeds")
        .join(target);
    let mut paths: Vec<_> = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|it| it.path())
        .collect();
    paths.sort();
    let mut seeds: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    // Texts of queries stand one to a line.
    if ["promql", "logql"].contains(&target) {
        seeds = seeds
            .iter()
            .flat_map(|it| it.split(|byte| *byte == b'\n').map(<[u8]>::to_vec))
            .collect();
    }
    seeds.push(Vec::new());
    seeds.push((0..=255).collect());
    seeds
}

fn check(target: &str, promise: fn(&[u8])) {
    let mut random = Random(1);
    for seed in seeds(target) {
        promise(&seed);
        for _ in 0..MUTATIONS {
            promise(&mutated(&seed, &mut random));
        }
    }
}

/// One test for each target.
macro_rules! promises {
    ($($target:ident)*) => {
        $(#[test]
        fn $target() {
            check(stringify!($target), crate::$target);
        })*
    };
}

promises! {
    promql logql
    remote_write loki_push exposition otlp_metrics
    remote_read chunk
    dictionaries metrics_payload metrics_round_trip logs_payload logs_round_trip
    int_column float_column
    labels
    messages selectors
    journal journal_records spool tsdb_part tsdb_frames
}
