//! The load averages.

use super::kept::KeptFile;
use super::recorder::Recorder;
use super::sampler::{SampleError, Sampler, Tick, malformed, read};
use super::table::{Column, Table, gauge};
use super::text::{fields, number};
use crate::config::Roots;

static COLUMNS: [Column; 3] = [
    gauge("node_load1", "1m load average."),
    gauge("node_load5", "5m load average."),
    gauge("node_load15", "15m load average."),
];

/// Samples the load averages.
#[derive(Debug)]
pub(super) struct Load {
    loadavg: KeptFile,
    table: Table,
}

impl Load {
    /// Returns the sampler of the machine under `roots`.
    pub(super) fn new(roots: &Roots) -> Load {
        Load {
            loadavg: KeptFile::new(roots.proc.join("loadavg")),
            table: Table::new(&COLUMNS, &[]),
        }
    }
}

impl Sampler for Load {
    fn name(&self) -> &'static str {
        "loadavg"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) -> Result<(), SampleError> {
        let text = read(&mut self.loadavg, tick.buffer)?;
        let mut values = [None; 3];
        for (value, field) in values.iter_mut().zip(fields(text)) {
            *value = number(field);
        }
        if values.iter().any(Option::is_none) {
            return Err(malformed(&self.loadavg));
        }
        self.table.set(tick.out, &[], values);
        Ok(())
    }

    fn sweep(&mut self, out: &mut Recorder) {
        self.table.sweep(out);
    }
}
