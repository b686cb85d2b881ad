//! Pressure stall information: how long tasks waited for processors, memory and I/O.

use super::kept::KeptFile;
use super::recorder::Recorder;
use super::sampler::{SampleError, Sampler, Tick, read};
use super::table::{Column, Table, counter};
use super::text::{fields, lines, unsigned};
use crate::config::Roots;

const MICROSECOND: f64 = 0.000_001;

static COLUMNS: [Column; 6] = [
    counter(
        "node_pressure_cpu_waiting_seconds_total",
        "Total time in seconds that processes have waited for CPU time.",
    ),
    counter(
        "node_pressure_io_waiting_seconds_total",
        "Total time in seconds that processes have waited due to IO congestion.",
    ),
    counter(
        "node_pressure_io_stalled_seconds_total",
        "Total time in seconds no process could make progress due to IO congestion.",
    ),
    counter(
        "node_pressure_memory_waiting_seconds_total",
        "Total time in seconds that processes have waited for memory.",
    ),
    counter(
        "node_pressure_memory_stalled_seconds_total",
        "Total time in seconds no process could make progress due to memory congestion.",
    ),
    counter(
        "node_pressure_irq_stalled_seconds_total",
        "Total time in seconds no process could make progress due to IRQ congestion.",
    ),
];

/// The columns of the `some` and `full` lines of each file.
const FILES: [(&str, Option<usize>, Option<usize>); 4] = [
    ("pressure/cpu", Some(0), None),
    ("pressure/io", Some(1), Some(2)),
    ("pressure/memory", Some(3), Some(4)),
    ("pressure/irq", None, Some(5)),
];

/// Samples pressure stall information.
#[derive(Debug)]
pub(super) struct Pressure {
    files: Vec<KeptFile>,
    table: Table,
}

impl Pressure {
    /// Returns the sampler of the machine under `roots`.
    pub(super) fn new(roots: &Roots) -> Pressure {
        Pressure {
            files: FILES
                .iter()
                .map(|(path, ..)| KeptFile::new(roots.proc.join(path)))
                .collect(),
            table: Table::new(&COLUMNS, &[]),
        }
    }
}

impl Sampler for Pressure {
    fn name(&self) -> &'static str {
        "pressure"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) -> Result<(), SampleError> {
        let mut values = [None; COLUMNS.len()];
        let mut absent = None;
        for (file, (_, some, full)) in self.files.iter_mut().zip(FILES) {
            let text = match read(file, tick.buffer) {
                Ok(text) => text,
                Err(error @ SampleError::Absent { .. }) => {
                    absent = Some(error);
                    continue;
                }
                Err(error) => return Err(error),
            };
            for (word, column) in [(&b"some"[..], some), (b"full", full)] {
                if let Some(column) = column {
                    values[column] = total(text, word).map(|micros| micros as f64 * MICROSECOND);
                }
            }
        }
        match absent {
            Some(error) if values.iter().all(Option::is_none) => Err(error),
            _ => {
                self.table.set(tick.out, &[], values);
                Ok(())
            }
        }
    }

    fn sweep(&mut self, out: &mut Recorder) {
        self.table.sweep(out);
    }
}

/// Returns the `total=` of the line that begins with `word`, in microseconds.
fn total(text: &[u8], word: &[u8]) -> Option<u64> {
    let mut of_line = lines(text)
        .map(fields)
        .find_map(|mut line| (line.next()? == word).then_some(line))?;
    of_line
        .find_map(|field| field.strip_prefix(b"total="))
        .and_then(unsigned)
}
