//! `cargo xtask bench dashboards`: a hundred dashboards at once, on weft and on its peers.
//!
//! In: a load generator (`LOADGEN_BIN`), the peers' binaries (`PEERS_BIN`), weft's (`WEFT_BIN`, best
//! a release build). Out: for each server throughput, latencies, CPU seconds and memory; alone, and
//! beside those who ask for everything: one, ten at once, and ten whose queries are just allowed.
//! One server runs at a time.

mod client;
mod system;

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

use crate::peers::server::{Scratch, Server};
use client::{Abuse, Abused, Answered, Board, abuse, refresh};
use system::System;

/// How much of what there is.
struct Load {
    clients: usize,
    series: usize,
    rounds: usize,
    time: Duration,
}

/// What is run unless it is told otherwise on the command line.
const DEFAULT: Load = Load {
    clients: 100,
    series: 20_000,
    rounds: 300,
    time: Duration::from_secs(30),
};

/// Distance of two samples of a series.
const STEP_SECONDS: usize = 15;

/// Runs the benchmark for the systems that are named, or for all.
pub(crate) fn dashboards(words: &[&str]) -> Result<()> {
    let (mut load, mut names) = (DEFAULT, Vec::new());
    for word in words {
        match word.split_once('=') {
            None => names.push(*word),
            Some(("clients", value)) => load.clients = value.parse()?,
            Some(("series", value)) => load.series = value.parse()?,
            Some(("rounds", value)) => load.rounds = value.parse()?,
            Some(("seconds", value)) => load.time = Duration::from_secs(value.parse()?),
            Some((name, _)) => bail!("there is no option {name}"),
        }
    }
    if names.is_empty() {
        names = vec!["prometheus", "victoria", "weft"];
    }
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{} clients, boards of {} range queries over the last hour, {} series, {} s each",
        load.clients,
        client::BOARD.len(),
        load.series,
        load.time.as_secs()
    )?;
    writeln!(out, "{}", Row::HEAD)?;
    for name in names {
        let system = System::named(name).with_context(|| format!("{name} is not known"))?;
        if let Some(rows) = run(system, &load)? {
            for row in rows {
                writeln!(out, "{row}")?;
            }
        }
    }
    Ok(())
}

/// Starts a server, fills it and asks it; nothing if its binary cannot be had.
fn run(system: System, load: &Load) -> Result<Option<Vec<Row>>> {
    let Some(binary) = system.binary()? else {
        return Ok(None);
    };
    let scratch = Scratch::new(system.name())?;
    let server = system.start(&binary, scratch.path())?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() as i64;
    let first = now - (load.rounds * STEP_SECONDS) as i64;
    system::fill(&server, load.series, load.rounds, first * 1000)?;
    let end = first + (load.rounds * STEP_SECONDS) as i64;
    let mut rows = Vec::new();
    for abuse in Abuse::ALL {
        rows.push(measure(system, &server, load, end, abuse)?);
    }
    Ok(Some(rows))
}

fn measure(system: System, server: &Server, load: &Load, end: i64, abuse_of: Abuse) -> Result<Row> {
    let before = server.cpu_seconds()?;
    let deadline = Instant::now() + load.time;
    let port = server.port;
    let (answered, abused) = thread::scope(|scope| {
        let abusers: Vec<_> = (0..abuse_of.clients())
            .map(|_| scope.spawn(move || abuse(port, end, deadline, abuse_of)))
            .collect();
        let clients: Vec<_> = (0..load.clients)
            .map(|number| {
                let board = Board::new(number, load.series / 1000, end);
                scope.spawn(move || refresh(port, &board, deadline))
            })
            .collect();
        let mut all = Answered::default();
        for client in clients {
            all.add(client.join().expect("a client does not panic")?);
        }
        let mut abused = Abused::default();
        for abuser in abusers {
            abused.add(abuser.join().expect("an abuser does not panic")?);
        }
        Ok::<_, anyhow::Error>((all, abused))
    })?;
    Ok(Row {
        system: system.name(),
        answered,
        seconds: load.time.as_secs_f64(),
        cpu_seconds: server.cpu_seconds()? - before,
        rss_mb: server.rss_mb()?,
        abuse: abuse_of,
        abused,
    })
}

/// What is printed of one run.
struct Row {
    system: &'static str,
    answered: Answered,
    seconds: f64,
    cpu_seconds: f64,
    rss_mb: f64,
    abuse: Abuse,
    /// How often the abusers were answered, and how.
    abused: Abused,
}

impl Row {
    const HEAD: &str = "system      abuse     queries  failed  queries/s  p50 ms  p99 ms  max ms  \
                        CPU ms/query  RSS MB  kB/answer";
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Answered {
            millis,
            failed,
            bytes,
        } = &self.answered;
        let count = millis.len();
        let mut sorted = millis.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let place = (count as f64 * share) as usize;
            sorted
                .get(place.min(count.saturating_sub(1)))
                .copied()
                .unwrap_or(f64::NAN)
        };
        write!(
            f,
            "{:<11} {:<8} {:>8} {:>7} {:>10.0} {:>7.1} {:>7.1} {:>7.0} {:>13.2} {:>7.0} {:>10.1}",
            self.system,
            self.abuse.name(),
            count,
            failed,
            count as f64 / self.seconds,
            at(0.5),
            at(0.99),
            at(1.0),
            1000.0 * self.cpu_seconds / count.max(1) as f64,
            self.rss_mb,
            *bytes as f64 / 1000.0 / count.max(1) as f64,
        )?;
        if self.abuse.clients() > 0 {
            write!(f, "\n            {}", self.abused)?;
        }
        Ok(())
    }
}
