//! Measures what the head takes: the load of the remote-write benchmark, without HTTP and journal.
//!
//! In: how many series and rounds (200000 and 240 if not said), and how many rounds lie between two
//! flushes (80). Out: samples appended per CPU-second, resident bytes per series after the load and
//! at the worst, and what the store counts itself.

use std::sync::Arc;

use weft_model::{Labels, LabelsBuilder, Millis};
use weft_tsdb::{Config, Tsdb};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SERIES_PER_INSTANCE: u32 = 1000;
const BATCH: u32 = 5000;
const STEP_MILLIS: i64 = 15_000;
const START: i64 = 1_767_225_600_000;

/// What becomes of a series' value.
struct Source {
    value: f64,
    random: u64,
}

impl Source {
    fn new(index: u32) -> Source {
        let mut source = Source {
            value: 0.0,
            random: mix(u64::from(index) + 1),
        };
        source.value = match source.kind() {
            90..98 => (4096 * source.below(4_000_000)) as f64,
            _ => source.below(10_000_000) as f64,
        };
        source
    }

    /// The share of the series' kind in percent, kept in the high bits which stay.
    fn kind(&self) -> u64 {
        (self.random >> 56) * 100 / 256
    }

    fn below(&mut self, bound: u64) -> u64 {
        let kind = self.random & (0xff << 56);
        self.random = mix(self.random) >> 8 | kind;
        (self.random & !(0xff << 56)) % bound
    }

    fn advance(&mut self) -> f64 {
        match self.kind() {
            0..45 => {}
            45..65 => {
                let steps = self.below(20);
                self.value += steps.saturating_sub(10) as f64;
            }
            65..80 => self.value += (500 + self.below(1000)) as f64,
            80..90 => {
                let hundredths = self.below(100_000) as f64;
                self.value = ((self.value * 100.0).round() + hundredths) / 100.0;
            }
            90..98 => self.value += 4096.0 * (self.below(201) as f64 - 100.0),
            _ => self.value = self.below(1 << 52) as f64 / 1e9 / 7.0,
        }
        self.value
    }
}

/// SplitMix64.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn labels(index: u32) -> Labels {
    let (instance, member) = (index / SERIES_PER_INSTANCE, index % SERIES_PER_INSTANCE);
    let family = member / 4;
    let mut labels = LabelsBuilder::new();
    labels.set("__name__", &format!("node_family_{family:03}_metric_total"));
    labels.set("cluster", "prod-eu-west-1");
    let devices = ["eth0", "eth1", "nvme0n1", "nvme1n1"];
    labels.set("device", devices[(member % 4) as usize]);
    let address = format!("10.0.{}.{}:9100", instance >> 8, instance & 255);
    labels.set("instance", &address);
    labels.set("job", "node-exporter");
    let modes = ["user", "system", "idle", "iowait"];
    labels.set("mode", modes[(family % 4) as usize]);
    labels.set("namespace", "monitoring");
    labels.set("pod", &format!("node-exporter-{instance:05x}-0"));
    labels.build()
}

#[allow(clippy::print_stdout, reason = "the figures are what it is for")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: u32| -> Result<u32, std::num::ParseIntError> {
        arguments.next().map_or(Ok(default), |text| text.parse())
    };
    let (series, rounds, flush_every) = (number(200_000)?, number(240)?, number(80)?);
    let dir = std::env::temp_dir().join(format!("weft-head-bytes-{}", std::process::id()));
    let disk = Arc::new(weft_disk::RealDisk);
    let mut sources: Vec<Source> = (0..series).map(Source::new).collect();
    let before = resident("VmRSS:");
    let now = Millis(START + i64::from(rounds) * STEP_MILLIS);
    let (tsdb, _) = Tsdb::open(disk, &dir, Config::default(), now)?;
    let mut seconds = 0.0;
    for round in 0..rounds {
        seconds += send(&tsdb, &mut sources, round);
        if round % flush_every == flush_every - 1 {
            tsdb.flush(now)?;
            while tsdb.maintain(now)?.more {}
        }
    }
    let samples = f64::from(series) * f64::from(rounds);
    let each = |bytes: usize| bytes as f64 / f64::from(series);
    let (after, worst) = (resident("VmRSS:"), resident("VmHWM:"));
    println!("samples per CPU-second  {:>12.0}", samples / seconds);
    println!("resident per series     {:>12.0}", each(after - before));
    println!("worst per series        {:>12.0}", each(worst - before));
    println!(
        "sealed per series       {:>12.0}",
        each(tsdb.status().head_bytes)
    );
    drop(tsdb);
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}

/// Sends one round and returns the CPU seconds that interning and appending took.
fn send(tsdb: &Tsdb, sources: &mut [Source], round: u32) -> f64 {
    let mut seconds = 0.0;
    let (mut keys, mut found) = (Vec::new(), Vec::new());
    let mut samples = Vec::new();
    for (batch, sources) in sources.chunks_mut(BATCH as usize).enumerate() {
        let first = batch as u32 * BATCH;
        keys.clear();
        keys.extend((first..).take(sources.len()).map(labels));
        let values: Vec<f64> = sources.iter_mut().map(Source::advance).collect();
        let began = cpu_seconds();
        found.clear();
        let bytes = keys.iter().map(Labels::as_bytes);
        tsdb.intern_raw_many(bytes, |at| keys[at].clone(), &mut found);
        samples.clear();
        for (at, (series, value)) in found.iter().zip(values).enumerate() {
            let instance = (first + at as u32) / SERIES_PER_INSTANCE;
            let jitter = mix(u64::from(instance) << 32 | u64::from(round)) % 7;
            let time = START + i64::from(round) * STEP_MILLIS + jitter as i64 - 3;
            if let Ok(series) = series {
                samples.push((*series, Millis(time), value));
            }
        }
        tsdb.append_many(&samples);
        seconds += cpu_seconds() - began;
    }
    seconds
}

/// The CPU time of this thread, which is all there is.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|first| first.parse().ok());
    nanos.map_or(0.0, |nanos: u64| nanos as f64 / 1e9)
}

/// A line of `/proc/self/status`, in bytes.
fn resident(line: &str) -> usize {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let found = text.lines().find_map(|found| found.strip_prefix(line));
    let kib = found.and_then(|found| found.trim().trim_end_matches(" kB").parse().ok());
    kib.map_or(0, |kib: usize| kib * 1024)
}
