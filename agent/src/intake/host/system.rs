//! The counters of the whole system in `stat`: switches, forks, interrupts, boot time.

use super::kept::KeptFile;
use super::recorder::Recorder;
use super::sampler::{SampleError, Sampler, Tick, read};
use super::table::{Column, Table, counter, gauge};
use super::text::{fields, lines, number};
use crate::config::Roots;

static COLUMNS: [Column; 6] = [
    counter("node_intr_total", "Total number of interrupts serviced."),
    counter(
        "node_context_switches_total",
        "Total number of context switches.",
    ),
    gauge("node_boot_time_seconds", "Node boot time, in unixtime."),
    counter("node_forks_total", "Total number of forks."),
    gauge(
        "node_procs_running",
        "Number of processes in runnable state.",
    ),
    gauge(
        "node_procs_blocked",
        "Number of processes blocked waiting for I/O to complete.",
    ),
];

/// The first words of the lines, in order of the columns.
const KEYS: [&[u8]; 6] = [
    b"intr",
    b"ctxt",
    b"btime",
    b"processes",
    b"procs_running",
    b"procs_blocked",
];

/// Samples the counters of the whole system.
#[derive(Debug)]
pub(super) struct System {
    stat: KeptFile,
    table: Table,
}

impl System {
    /// Returns the sampler of the machine under `roots`.
    pub(super) fn new(roots: &Roots) -> System {
        System {
            stat: KeptFile::new(roots.proc.join("stat")),
            table: Table::new(&COLUMNS, &[]),
        }
    }
}

impl Sampler for System {
    fn name(&self) -> &'static str {
        "stat"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) -> Result<(), SampleError> {
        let text = read(&mut self.stat, tick.buffer)?;
        let mut values = [None; COLUMNS.len()];
        for line in lines(text) {
            let mut words = fields(line);
            let key = words.next().unwrap_or_default();
            if let Some(at) = KEYS.iter().position(|known| *known == key) {
                values[at] = words.next().and_then(number);
            }
        }
        self.table.set(tick.out, &[], values);
        Ok(())
    }

    fn sweep(&mut self, out: &mut Recorder) {
        self.table.sweep(out);
    }
}
