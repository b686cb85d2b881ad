//! Packets handled by each processor, from `softnet_stat`.

use super::kept::KeptFile;
use super::recorder::Recorder;
use super::sampler::{SampleError, Sampler, Tick, malformed, read};
use super::table::{Column, Table, counter, gauge};
use super::text::{fields, hexadecimal, lines};
use crate::config::Roots;

static COLUMNS: [Column; 7] = [
    counter(
        "node_softnet_processed_total",
        "Number of processed packets.",
    ),
    counter("node_softnet_dropped_total", "Number of dropped packets."),
    counter(
        "node_softnet_times_squeezed_total",
        "Number of times processing ran out of quota.",
    ),
    counter(
        "node_softnet_cpu_collision_total",
        "Number of collisions while obtaining the device lock for transmitting.",
    ),
    counter(
        "node_softnet_received_rps_total",
        "Number of wake-ups by another CPU's interrupt.",
    ),
    counter(
        "node_softnet_flow_limit_count_total",
        "Number of times the flow limit was reached.",
    ),
    gauge(
        "node_softnet_backlog_len",
        "Packets that wait in the backlog.",
    ),
];

/// Where each column is in a line.
const AT: [usize; COLUMNS.len()] = [0, 1, 2, 8, 9, 10, 11];
/// Where newer kernels put the number of the processor.
const CPU_AT: usize = 12;
const WORDS_MAX: usize = 16;

/// Samples the packets handled by each processor.
#[derive(Debug)]
pub(super) struct Softnet {
    softnet_stat: KeptFile,
    table: Table,
}

impl Softnet {
    /// Returns the sampler of the machine under `roots`.
    pub(super) fn new(roots: &Roots) -> Softnet {
        Softnet {
            softnet_stat: KeptFile::new(roots.proc.join("net/softnet_stat")),
            table: Table::new(&COLUMNS, &["cpu"]),
        }
    }
}

impl Sampler for Softnet {
    fn name(&self) -> &'static str {
        "softnet"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) -> Result<(), SampleError> {
        let text = read(&mut self.softnet_stat, tick.buffer)?;
        for (number, line) in lines(text).enumerate() {
            let mut words = [None; WORDS_MAX];
            for (word, field) in words.iter_mut().zip(fields(line)) {
                *word = Some(hexadecimal(field).ok_or_else(|| malformed(&self.softnet_stat))?);
            }
            let cpu = words[CPU_AT].unwrap_or(number as u64);
            let mut digits = [0; 20];
            let cpu = decimal(cpu, &mut digits);
            let values = AT.map(|at| words[at].map(|value| value as f64));
            self.table.set(tick.out, &[cpu], values);
        }
        Ok(())
    }

    fn sweep(&mut self, out: &mut Recorder) {
        self.table.sweep(out);
    }
}

/// Writes a number at the end of `digits` and returns what was written.
fn decimal(mut value: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            return &digits[at..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_without_allocation() {
        for value in [0, 7, 10, 255, u64::MAX] {
            assert_eq!(decimal(value, &mut [0; 20]), value.to_string().as_bytes());
        }
    }
}
