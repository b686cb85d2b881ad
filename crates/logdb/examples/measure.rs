//! Measures ingest, size and search on synthetic lines of four shapes.
//!
//! Run with `cargo run --release -p weft-logdb --example measure -- <lines> [directory]`.
#![allow(clippy::print_stdout, reason = "a measurement is printed")]

use std::error::Error;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use weft_logdb::{
    Case, Config, Direction, Entry, Literal, LogDb, Needle, Selection, Steps, TimeRange,
};
use weft_model::{Labels, Nanos};

const STREAMS: u64 = 500;
const LINES_PER_CALL: u64 = 200;
const START: i64 = 1_700_000_000_000_000_000;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, most: u64) -> u64 {
        self.next() % most
    }
}

/// One line as services of a cluster write them; every second one has a random id.
fn line(kind: u64, random: &mut Random, at: i64) -> String {
    let (millis, user, status) = (
        random.below(900),
        random.below(50_000),
        [200, 200, 200, 404, 500][random.below(5) as usize],
    );
    let path = ["users", "orders", "carts", "items/search", "health"][random.below(5) as usize];
    let time = Nanos(at);
    let id = || (random_id(at as u64 ^ user), random_id(user + millis));
    match kind {
        0 => format!(
            "10.{}.{}.{} - - [{time}] \"GET /api/v1/{path}/{user} HTTP/1.1\" {status} {} \"-\" \"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\" {millis}",
            random.below(4),
            random.below(250),
            random.below(250),
            random.below(40_000)
        ),
        1 => {
            let (trace, span) = id();
            format!(
                "{{\"ts\":\"{time}\",\"level\":\"info\",\"msg\":\"handled request\",\"path\":\"/api/v1/{path}\",\"trace_id\":\"{trace:016x}{span:016x}\",\"span_id\":\"{:016x}\",\"user_id\":{user},\"duration_ms\":{millis}}}",
                random.next()
            )
        }
        2 => {
            let (trace, _) = id();
            format!(
                "ts={time} caller=server.go:{} level=debug msg=\"request completed\" method=GET uri=/{path} status={status} took={millis}ms trace={trace:016x}",
                random.below(400)
            )
        }
        _ => format!(
            "{time} WARN  [http-nio-8080-exec-{}] c.e.shop.OrderService - Order {:08x}-{:04x} for customer {user} took {millis} ms, retrying in {} ms",
            random.below(20),
            random.below(1 << 32),
            random.below(1 << 16),
            random.below(1000)
        ),
    }
}

fn random_id(seed: u64) -> u64 {
    Random(seed).next()
}

fn stream(number: u64) -> Labels {
    let service = ["web", "api", "auth", "shop"][number as usize % 4];
    Labels::from_pairs([
        ("cluster", "eu-1"),
        ("namespace", "default"),
        ("service_name", service),
        ("pod", &format!("{service}-{:x}", random_id(number) >> 40)),
    ])
}

/// Returns the processor time that this process has used, in seconds.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or("")
        .split_whitespace()
        .collect();
    let ticks = |at: usize| {
        fields
            .get(at)
            .and_then(|f| f.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    (ticks(11) + ticks(12)) / 100.0
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let lines: u64 = arguments
        .next()
        .map_or(Ok(1_000_000), |text| text.parse())?;
    let dir = arguments.next().map_or_else(
        || std::env::temp_dir().join("weft-logdb-measure"),
        PathBuf::from,
    );
    let _ = std::fs::remove_dir_all(&dir);
    let (db, _) = LogDb::open(&dir, Config::default(), Nanos(START))?;
    ingest(&db, lines)?;
    sizes(&db, &dir)?;
    for (what, text, case) in [
        (
            "absent id",
            "4bf92f3577b34da6a3ce929d0e0e4736",
            Case::Sensitive,
        ),
        ("half of an absent id", "3577b34da6a3ce92", Case::Sensitive),
        ("absent words", "adline exceeded", Case::Sensitive),
        ("absent words in any case", "ADLINE EXC", Case::Insensitive),
    ] {
        search(&db, what, text, case, usize::MAX)?;
    }
    search(
        &db,
        "newest 100 with retrying",
        "retrying",
        Case::Sensitive,
        100,
    )?;
    search(
        &db,
        "all with status=500",
        "status=500",
        Case::Sensitive,
        usize::MAX,
    )?;
    let started = Instant::now();
    let mut counted = 0;
    let steps = Steps {
        start: Nanos(START),
        step: 60_000_000_000,
        count: 10_000,
    };
    db.counts(
        &[],
        steps,
        &["detected_level".to_owned()],
        &mut |_, count| counted += count.lines,
    )?;
    println!(
        "volume by level and minute: {counted} lines in {:.1?}",
        started.elapsed()
    );
    drop(db);
    let started = Instant::now();
    let (_db, report) = LogDb::open(&dir, Config::default(), Nanos(START))?;
    println!(
        "open: {} blocks in {:.1?}",
        report.blocks,
        started.elapsed()
    );
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}

/// Makes all lines and hands them out call by call; returns their bytes.
fn generate(
    lines: u64,
    mut call: impl FnMut(u64, u64, &[(i64, String)]) -> Result<(), Box<dyn Error>>,
) -> Result<u64, Box<dyn Error>> {
    let mut random = Random(1);
    let (mut bytes, mut at) = (0u64, START);
    for number in 0..lines / LINES_PER_CALL {
        // Few streams write most lines.
        let stream = random.below(STREAMS) * random.below(STREAMS) / STREAMS;
        let mut made = Vec::new();
        for _ in 0..LINES_PER_CALL {
            at += random.below(200_000) as i64;
            made.push((at, line(stream % 4, &mut random, at)));
        }
        bytes += made.iter().map(|(_, line)| line.len() as u64).sum::<u64>();
        call(number, stream, &made)?;
    }
    Ok(bytes)
}

/// Ingests and flushes; what making the lines costs is measured apart and subtracted.
fn ingest(db: &LogDb, lines: u64) -> Result<(), Box<dyn Error>> {
    let before = cpu_seconds();
    generate(lines, |_, _, _| Ok(()))?;
    let making = cpu_seconds() - before;
    let (before, started) = (cpu_seconds(), Instant::now());
    let bytes = generate(lines, |number, stream_number, made| {
        let entries: Vec<Entry<'_>> = made
            .iter()
            .map(|(time, line)| Entry {
                time: Nanos(*time),
                line: line.as_bytes(),
                metadata: &[],
            })
            .collect();
        db.append(number, &stream(stream_number), &entries)?;
        Ok(())
    })?;
    db.flush(Nanos(START))?;
    let spent = cpu_seconds() - before - making;
    let megabytes = bytes as f64 / 1e6;
    println!(
        "ingest: {lines} lines, {megabytes:.0} MB, {:.1} s wall with making them, {spent:.1} s cpu, {:.0} MB/s/core",
        started.elapsed().as_secs_f64(),
        megabytes / spent
    );
    Ok(())
}

fn size_of(path: &Path) -> std::io::Result<u64> {
    let mut total = 0;
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        total += if entry.file_type()?.is_dir() {
            size_of(&entry.path())?
        } else {
            entry.metadata()?.len()
        };
    }
    Ok(total)
}

fn sizes(db: &LogDb, dir: &Path) -> Result<(), Box<dyn Error>> {
    let raw = db.stats(&[], TimeRange::ALL)?.bytes;
    let usage = db.usage();
    let all = size_of(dir)?;
    println!(
        "disk: {raw} raw, {all} in all = {:.2}x; blocks and filters {}, index {}; {} blocks",
        raw as f64 / all as f64,
        usage.disk_bytes,
        all - usage.disk_bytes,
        usage.committed_blocks
    );
    Ok(())
}

fn search(
    db: &LogDb,
    what: &str,
    text: &str,
    case: Case,
    limit: usize,
) -> Result<(), Box<dyn Error>> {
    let needles = [Needle {
        any: vec![Literal {
            text: text.to_owned(),
            case,
        }],
    }];
    let selection = Selection {
        matchers: &[],
        range: TimeRange::ALL,
        needles: &needles,
        direction: Direction::Backward,
    };
    let started = Instant::now();
    let mut found = 0;
    let stats = db.select(&selection, &mut |event| {
        found += usize::from(matches!(event, weft_logdb::Found::Entry(..)));
        if found >= limit {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })?;
    println!(
        "{what}: {found} lines in {:.1?}, {} of {} blocks read",
        started.elapsed(),
        stats.blocks_read,
        stats.blocks
    );
    Ok(())
}
