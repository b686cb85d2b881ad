//! Time spent running and waiting on each processor, from `schedstat`.

use super::kept::KeptFile;
use super::recorder::Recorder;
use super::sampler::{SampleError, Sampler, Tick, read};
use super::table::{Column, Table, counter};
use super::text::{fields, lines, unsigned};
use crate::config::Roots;

const NANOSECOND: f64 = 1e-9;

static COLUMNS: [Column; 3] = [
    counter(
        "node_schedstat_running_seconds_total",
        "Number of seconds CPU spent running a process.",
    ),
    counter(
        "node_schedstat_waiting_seconds_total",
        "Number of seconds spent by processing waiting for this CPU.",
    ),
    counter(
        "node_schedstat_timeslices_total",
        "Number of timeslices executed by CPU.",
    ),
];

/// Samples scheduler statistics.
#[derive(Debug)]
pub(super) struct Schedstat {
    schedstat: KeptFile,
    table: Table,
}

impl Schedstat {
    /// Returns the sampler of the machine under `roots`.
    pub(super) fn new(roots: &Roots) -> Schedstat {
        Schedstat {
            schedstat: KeptFile::new(roots.proc.join("schedstat")),
            table: Table::new(&COLUMNS, &["cpu"]),
        }
    }
}

impl Sampler for Schedstat {
    fn name(&self) -> &'static str {
        "schedstat"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) -> Result<(), SampleError> {
        let text = read(&mut self.schedstat, tick.buffer)?;
        for line in lines(text) {
            let Some(line) = line.strip_prefix(b"cpu") else {
                continue;
            };
            let mut words = fields(line);
            let Some(cpu) = words.next() else { continue };
            // The last three of nine numbers: running and waiting in ns, then time slices.
            let values = words.skip(6).zip([NANOSECOND, NANOSECOND, 1.0]);
            let values = values.map(|(word, scale)| unsigned(word).map(|n| n as f64 * scale));
            self.table.set(tick.out, &[cpu], values);
        }
        Ok(())
    }

    fn sweep(&mut self, out: &mut Recorder) {
        self.table.sweep(out);
    }
}
