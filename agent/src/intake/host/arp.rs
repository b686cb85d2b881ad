//! Entries of the ARP table by device.

use super::kept::KeptFile;
use super::recorder::Recorder;
use super::sampler::{SampleError, Sampler, Tick, read};
use super::table::{Column, Rows, Table, gauge};
use super::text::{fields, lines};
use crate::config::Roots;

static COLUMNS: [Column; 1] = [gauge("node_arp_entries", "ARP entries by device.")];

/// Samples the size of the ARP table.
#[derive(Debug)]
pub(super) struct Arp {
    arp: KeptFile,
    table: Table,
    counts: Rows<u32>,
}

impl Arp {
    /// Returns the sampler of the machine under `roots`.
    pub(super) fn new(roots: &Roots) -> Arp {
        Arp {
            arp: KeptFile::new(roots.proc.join("net/arp")),
            table: Table::new(&COLUMNS, &["device"]),
            counts: Rows::default(),
        }
    }
}

impl Sampler for Arp {
    fn name(&self) -> &'static str {
        "arp"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) -> Result<(), SampleError> {
        let text = read(&mut self.arp, tick.buffer)?;
        for line in lines(text).skip(1) {
            if let Some(device) = fields(line).nth(5) {
                let (count, again) = self.counts.touch(device, || 0);
                *count = if again { *count + 1 } else { 1 };
            }
        }
        for (device, count) in self.counts.touched() {
            self.table
                .set(tick.out, &[device], [Some(f64::from(*count))]);
        }
        Ok(())
    }

    fn sweep(&mut self, out: &mut Recorder) {
        self.table.sweep(out);
        self.counts.sweep(|_| {});
    }
}
