//! Connection tracking: how full the table is, and what happened to entries.

use super::kept::KeptFile;
use super::recorder::Recorder;
use super::sampler::{SampleError, Sampler, Tick, read};
use super::table::{Column, Table, gauge};
use super::text::{fields, hexadecimal, lines, number};
use crate::config::Roots;

static COLUMNS: [Column; 10] = [
    gauge(
        "node_nf_conntrack_entries",
        "Number of currently allocated flow entries.",
    ),
    gauge(
        "node_nf_conntrack_entries_limit",
        "Maximum size of connection tracking table.",
    ),
    gauge(
        "node_nf_conntrack_stat_found",
        "Number of searched entries which were successful.",
    ),
    gauge(
        "node_nf_conntrack_stat_invalid",
        "Number of packets seen which can not be tracked.",
    ),
    gauge(
        "node_nf_conntrack_stat_ignore",
        "Number of packets seen which are already connected.",
    ),
    gauge(
        "node_nf_conntrack_stat_insert",
        "Number of entries inserted into the list.",
    ),
    gauge(
        "node_nf_conntrack_stat_insert_failed",
        "Number of entries that could not be inserted.",
    ),
    gauge(
        "node_nf_conntrack_stat_drop",
        "Number of packets dropped for lack of an entry.",
    ),
    gauge(
        "node_nf_conntrack_stat_early_drop",
        "Number of entries dropped to make room.",
    ),
    gauge(
        "node_nf_conntrack_stat_search_restart",
        "Number of lookups that had to be restarted.",
    ),
];

/// The names of the columns from the third on, as in the head of the kernel's table.
const STATS: [&[u8]; COLUMNS.len() - 2] = [
    b"found",
    b"invalid",
    b"ignore",
    b"insert",
    b"insert_failed",
    b"drop",
    b"early_drop",
    b"search_restart",
];

/// Samples connection tracking.
#[derive(Debug)]
pub(super) struct Conntrack {
    count: KeptFile,
    limit: KeptFile,
    stat: KeptFile,
    table: Table,
}

impl Conntrack {
    /// Returns the sampler of the machine under `roots`.
    pub(super) fn new(roots: &Roots) -> Conntrack {
        let file = |name: &str| KeptFile::new(roots.proc.join(name));
        Conntrack {
            count: file("sys/net/netfilter/nf_conntrack_count"),
            limit: file("sys/net/netfilter/nf_conntrack_max"),
            stat: file("net/stat/nf_conntrack"),
            table: Table::new(&COLUMNS, &[]),
        }
    }
}

impl Sampler for Conntrack {
    fn name(&self) -> &'static str {
        "conntrack"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) -> Result<(), SampleError> {
        let mut values = [None; COLUMNS.len()];
        values[0] = number(read(&mut self.count, tick.buffer)?.trim_ascii());
        values[1] = number(read(&mut self.limit, tick.buffer)?.trim_ascii());
        // The statistics need another module than the table itself.
        if let Ok(text) = read(&mut self.stat, tick.buffer) {
            add_stats(text, &mut values[2..]);
        }
        self.table.set(tick.out, &[], values);
        Ok(())
    }

    fn sweep(&mut self, out: &mut Recorder) {
        self.table.sweep(out);
    }
}

/// Sums the columns of a line per processor, which the first line names.
fn add_stats(text: &[u8], values: &mut [Option<f64>]) {
    let mut rows = lines(text);
    let Some(head) = rows.next() else { return };
    for row in rows {
        for (name, field) in fields(head).zip(fields(row)) {
            let Some(at) = STATS.iter().position(|known| *known == name) else {
                continue;
            };
            let Some(value) = hexadecimal(field) else {
                continue;
            };
            values[at] = Some(values[at].unwrap_or(0.0) + value as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_summed_over_processors() {
        let text = b"entries found insert drop\n00000001 0000000a 00000001 00000000\n\
                     00000001 00000001 00000000 00000000\n";
        let mut values = [None; STATS.len()];
        add_stats(text, &mut values);
        let (found, invalid, insert, drop) = (values[0], values[1], values[3], values[5]);
        assert_eq!(
            (found, invalid, insert, drop),
            (Some(11.0), None, Some(1.0), Some(0.0))
        );
    }
}
