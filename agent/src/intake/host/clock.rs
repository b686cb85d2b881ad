//! The time of the tick, and the source of the kernel's clock.

use super::kept::KeptFile;
use super::recorder::Recorder;
use super::sampler::{SampleError, Sampler, Tick, read};
use super::table::{Column, Table, gauge};
use super::text::fields;
use crate::config::Roots;

static TIME: [Column; 1] = [gauge(
    "node_time_seconds",
    "System time in seconds since epoch (1970).",
)];
static AVAILABLE: [Column; 1] = [gauge(
    "node_time_clocksource_available_info",
    "Available clocksources read from '/sys/devices/system/clocksource'.",
)];
static CURRENT: [Column; 1] = [gauge(
    "node_time_clocksource_current_info",
    "Current clocksource read from '/sys/devices/system/clocksource'.",
)];
const LABELS: [&str; 2] = ["clocksource", "device"];

/// Samples the clock.
#[derive(Debug)]
pub(super) struct Time {
    time: Table,
    sources: [(KeptFile, Table); 2],
}

impl Time {
    /// Returns the sampler of the machine under `roots`.
    pub(super) fn new(roots: &Roots) -> Time {
        let file = |name: &str| {
            KeptFile::new(
                roots
                    .sys
                    .join("devices/system/clocksource/clocksource0")
                    .join(name),
            )
        };
        Time {
            time: Table::new(&TIME, &[]),
            sources: [
                (
                    file("available_clocksource"),
                    Table::new(&AVAILABLE, &LABELS),
                ),
                (file("current_clocksource"), Table::new(&CURRENT, &LABELS)),
            ],
        }
    }
}

impl Sampler for Time {
    fn name(&self) -> &'static str {
        "time"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) -> Result<(), SampleError> {
        self.time
            .set(tick.out, &[], [Some(tick.time.0 as f64 / 1000.0)]);
        for (file, table) in &mut self.sources {
            // Machines without such a file have the time all the same.
            let Ok(text) = read(file, tick.buffer) else {
                continue;
            };
            for source in fields(text) {
                table.set(tick.out, &[source, b"0"], [Some(1.0)]);
            }
        }
        Ok(())
    }

    fn sweep(&mut self, out: &mut Recorder) {
        self.time.sweep(out);
        self.sources
            .iter_mut()
            .for_each(|(_, table)| table.sweep(out));
    }
}
