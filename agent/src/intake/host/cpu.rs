//! Processor time by mode, from the `cpuN` lines of `stat`.

use super::kept::KeptFile;
use super::recorder::Recorder;
use super::sampler::{SampleError, Sampler, Tick, malformed, read};
use super::table::{Column, Rows, Table, counter_with};
use super::text::{fields, lines, unsigned};
use crate::config::Roots;

/// The kernel shows times in hundredths of a second, whatever its own tick is.
const TICKS_PER_SECOND: f64 = 100.0;

/// By how much an idle counter steps back when a processor was switched off and on again.
const HOTPLUG_SECONDS: f64 = 3.0;

const SECONDS: &str = "node_cpu_seconds_total";
const SECONDS_HELP: &str = "Seconds the CPUs spent in each mode.";
const GUEST: &str = "node_cpu_guest_seconds_total";
const GUEST_HELP: &str = "Seconds the CPUs spent in guests (VMs) for each mode.";

const IDLE: usize = 3;
const TIMES: usize = 10;

static COLUMNS: [Column; TIMES] = [
    counter_with(SECONDS, SECONDS_HELP, &[("mode", "user")]),
    counter_with(SECONDS, SECONDS_HELP, &[("mode", "nice")]),
    counter_with(SECONDS, SECONDS_HELP, &[("mode", "system")]),
    counter_with(SECONDS, SECONDS_HELP, &[("mode", "idle")]),
    counter_with(SECONDS, SECONDS_HELP, &[("mode", "iowait")]),
    counter_with(SECONDS, SECONDS_HELP, &[("mode", "irq")]),
    counter_with(SECONDS, SECONDS_HELP, &[("mode", "softirq")]),
    counter_with(SECONDS, SECONDS_HELP, &[("mode", "steal")]),
    counter_with(GUEST, GUEST_HELP, &[("mode", "user")]),
    counter_with(GUEST, GUEST_HELP, &[("mode", "nice")]),
];

/// Samples processor time.
#[derive(Debug)]
pub(super) struct Cpu {
    stat: KeptFile,
    table: Table,
    /// The last times of each processor: the kernel lets some step back a little.
    last: Rows<[f64; TIMES]>,
}

impl Cpu {
    /// Returns the sampler of the machine under `roots`.
    pub(super) fn new(roots: &Roots) -> Cpu {
        Cpu {
            stat: KeptFile::new(roots.proc.join("stat")),
            table: Table::new(&COLUMNS, &["cpu"]),
            last: Rows::default(),
        }
    }
}

impl Sampler for Cpu {
    fn name(&self) -> &'static str {
        "cpu"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) -> Result<(), SampleError> {
        let text = read(&mut self.stat, tick.buffer)?;
        for line in lines(text) {
            let Some(line) = line.strip_prefix(b"cpu") else {
                break;
            };
            if line.first().is_none_or(u8::is_ascii_whitespace) {
                continue;
            }
            let mut columns = fields(line);
            let Some(cpu) = columns.next() else { continue };
            let mut times = [0.0; TIMES];
            for (time, column) in times.iter_mut().zip(columns) {
                let ticks = unsigned(column).ok_or_else(|| malformed(&self.stat))?;
                *time = ticks as f64 / TICKS_PER_SECOND;
            }
            let (last, _) = self.last.touch(cpu, || times);
            advance(last, &times);
            self.table
                .set(tick.out, &[cpu], last.iter().map(|time| Some(*time)));
        }
        Ok(())
    }

    fn sweep(&mut self, out: &mut Recorder) {
        self.table.sweep(out);
        self.last.sweep(|_| {});
    }
}

/// Takes the new times, but for single ones that step back, unless the processor started over.
fn advance(last: &mut [f64; TIMES], now: &[f64; TIMES]) {
    if last[IDLE] - now[IDLE] >= HOTPLUG_SECONDS {
        *last = *now;
    }
    for (last, now) in last.iter_mut().zip(now) {
        *last = last.max(*now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_step_back_is_held_and_a_large_one_is_a_restart() {
        let at = |idle: f64, wait: f64| {
            let mut times = [0.0; TIMES];
            (times[IDLE], times[IDLE + 1]) = (idle, wait);
            times
        };
        let mut last = at(100.0, 7.0);
        advance(&mut last, &at(99.5, 6.0));
        assert_eq!(last, at(100.0, 7.0));
        advance(&mut last, &at(1.0, 0.5));
        assert_eq!(last, at(1.0, 0.5));
    }
}
