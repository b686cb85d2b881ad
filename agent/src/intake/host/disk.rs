//! Block devices, from `diskstats`.

use super::kept::KeptFile;
use super::recorder::Recorder;
use super::sampler::{SampleError, Sampler, Tick, read};
use super::table::{Column, Table, counter, gauge};
use super::text::{fields, lines, unsigned};
use crate::config::Roots;

/// The kernel counts in sectors of this size, whatever the device has.
const SECTOR_BYTES: f64 = 512.0;
const MILLISECOND: f64 = 0.001;

static COLUMNS: [Column; 17] = [
    counter(
        "node_disk_reads_completed_total",
        "The total number of reads completed successfully.",
    ),
    counter(
        "node_disk_reads_merged_total",
        "The total number of reads merged.",
    ),
    counter(
        "node_disk_read_bytes_total",
        "The total number of bytes read successfully.",
    ),
    counter(
        "node_disk_read_time_seconds_total",
        "The total number of seconds spent by all reads.",
    ),
    counter(
        "node_disk_writes_completed_total",
        "The total number of writes completed successfully.",
    ),
    counter(
        "node_disk_writes_merged_total",
        "The number of writes merged.",
    ),
    counter(
        "node_disk_written_bytes_total",
        "The total number of bytes written successfully.",
    ),
    counter(
        "node_disk_write_time_seconds_total",
        "The total number of seconds spent by all writes.",
    ),
    gauge(
        "node_disk_io_now",
        "The number of I/Os currently in progress.",
    ),
    counter(
        "node_disk_io_time_seconds_total",
        "Total seconds spent doing I/Os.",
    ),
    counter(
        "node_disk_io_time_weighted_seconds_total",
        "The weighted number of seconds spent doing I/Os.",
    ),
    counter(
        "node_disk_discards_completed_total",
        "The total number of discards completed.",
    ),
    counter(
        "node_disk_discards_merged_total",
        "The total number of discards merged.",
    ),
    counter(
        "node_disk_discarded_sectors_total",
        "The total number of sectors discarded.",
    ),
    counter(
        "node_disk_discard_time_seconds_total",
        "Total seconds spent by all discards.",
    ),
    counter(
        "node_disk_flush_requests_total",
        "The total number of flush requests completed.",
    ),
    counter(
        "node_disk_flush_requests_time_seconds_total",
        "Total seconds spent by all flushes.",
    ),
];

/// What one unit of each column of `diskstats` is worth.
const SCALES: [f64; COLUMNS.len()] = [
    1.0,
    1.0,
    SECTOR_BYTES,
    MILLISECOND,
    1.0,
    1.0,
    SECTOR_BYTES,
    MILLISECOND,
    1.0,
    MILLISECOND,
    MILLISECOND,
    1.0,
    1.0,
    1.0,
    MILLISECOND,
    1.0,
    MILLISECOND,
];

/// Samples block devices.
#[derive(Debug)]
pub(super) struct Disk {
    diskstats: KeptFile,
    table: Table,
}

impl Disk {
    /// Returns the sampler of the machine under `roots`.
    pub(super) fn new(roots: &Roots) -> Disk {
        Disk {
            diskstats: KeptFile::new(roots.proc.join("diskstats")),
            table: Table::new(&COLUMNS, &["device"]),
        }
    }
}

impl Sampler for Disk {
    fn name(&self) -> &'static str {
        "diskstats"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) -> Result<(), SampleError> {
        let text = read(&mut self.diskstats, tick.buffer)?;
        for line in lines(text) {
            let mut columns = fields(line).skip(2);
            let Some(device) = columns.next() else {
                continue;
            };
            if is_partition_or_virtual(device) {
                continue;
            }
            let values = columns
                .zip(SCALES)
                .map(|(column, scale)| unsigned(column).map(|value| value as f64 * scale));
            self.table.set(tick.out, &[device], values);
        }
        Ok(())
    }

    fn sweep(&mut self, out: &mut Recorder) {
        self.table.sweep(out);
    }
}

/// Tells whether `^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$` matches: what node_exporter
/// leaves out by default.
fn is_partition_or_virtual(device: &[u8]) -> bool {
    let digits = device
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let stem = &device[..device.len() - digits];
    if digits == 0 {
        return false;
    }
    let lettered = stem.split_last().is_some_and(|(letter, bus)| {
        letter.is_ascii_lowercase() && matches!(bus, b"hd" | b"sd" | b"vd" | b"xvd")
    });
    lettered || matches!(stem, b"ram" | b"zram" | b"loop" | b"fd") || is_nvme_partition(stem)
}

/// Tells whether `nvme\d+n\d+p` matches.
fn is_nvme_partition(stem: &[u8]) -> bool {
    let Some(rest) = stem.strip_prefix(b"nvme") else {
        return false;
    };
    let Some(rest) = rest.strip_suffix(b"p") else {
        return false;
    };
    let mut numbers = rest.split(|byte| *byte == b'n');
    let mut is_number = || {
        numbers
            .next()
            .is_some_and(|n| !n.is_empty() && n.iter().all(u8::is_ascii_digit))
    };
    is_number() && is_number() && numbers.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_disks_are_kept_and_the_rest_is_left_out() {
        for device in [
            "sda",
            "vda",
            "nvme0n1",
            "dm-0",
            "md127",
            "mmcblk0",
            "nvme0n1x1",
        ] {
            assert!(!is_partition_or_virtual(device.as_bytes()), "{device}");
        }
        for device in [
            "sda1",
            "xvdb12",
            "nvme0n1p2",
            "loop0",
            "zram0",
            "ram15",
            "fd0",
        ] {
            assert!(is_partition_or_virtual(device.as_bytes()), "{device}");
        }
    }
}
