//! What the process costs: the `process_*` metrics that every Prometheus client exports.

use procfs::process::Process;

/// The resources of this process at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// User and system time so far, in seconds.
    pub cpu_seconds: f64,
    /// Resident memory, in bytes.
    pub resident_bytes: u64,
    /// Virtual memory, in bytes.
    pub virtual_bytes: u64,
    /// Open file descriptors.
    pub open_fds: u64,
    /// How many may be open.
    pub max_fds: u64,
    /// When the process started, in seconds since the Unix epoch.
    pub start_seconds: f64,
    /// Threads.
    pub threads: u64,
}

/// Keeps the kernel from backing memory with huge pages, to be called before anything else.
///
/// A small process would be given 2 MiB wherever it touches 4 KiB: measured, that made 134 MB of
/// the 39 MB that `weft up` needs when idle, and the first sample came later for the zeroing.
pub fn use_small_pages() {
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        // Only more memory is used without it.
        tracing::debug!(%error, "huge pages stay on");
    }
}

/// Reads the usage of this process from /proc; what cannot be read is 0.
pub fn usage() -> Usage {
    let Ok(myself) = Process::myself() else {
        return Usage::default();
    };
    let Ok(stat) = myself.stat() else {
        return Usage::default();
    };
    let ticks = procfs::ticks_per_second() as f64;
    let boot_seconds = procfs::boot_time_secs().unwrap_or_default() as f64;
    let max_fds = myself
        .limits()
        .ok()
        .map(|limits| match limits.max_open_files.soft_limit {
            procfs::process::LimitValue::Value(limit) => limit,
            procfs::process::LimitValue::Unlimited => u64::MAX,
        });
    Usage {
        cpu_seconds: (stat.utime + stat.stime) as f64 / ticks,
        resident_bytes: stat.rss * procfs::page_size(),
        virtual_bytes: stat.vsize,
        open_fds: myself.fd_count().unwrap_or_default() as u64,
        max_fds: max_fds.unwrap_or_default(),
        start_seconds: boot_seconds + stat.starttime as f64 / ticks,
        threads: u64::try_from(stat.num_threads).unwrap_or_default(),
    }
}

/// Writes the `process_*` metrics in the text format.
pub fn write_metrics(into: &mut String) {
    let usage = usage();
    let lines = [
        (
            "process_cpu_seconds_total",
            "counter",
            "User and system CPU time.",
            usage.cpu_seconds,
        ),
        (
            "process_resident_memory_bytes",
            "gauge",
            "Resident memory.",
            usage.resident_bytes as f64,
        ),
        (
            "process_virtual_memory_bytes",
            "gauge",
            "Virtual memory.",
            usage.virtual_bytes as f64,
        ),
        (
            "process_open_fds",
            "gauge",
            "Open file descriptors.",
            usage.open_fds as f64,
        ),
        (
            "process_max_fds",
            "gauge",
            "Limit of open file descriptors.",
            usage.max_fds as f64,
        ),
        (
            "process_start_time_seconds",
            "gauge",
            "Start, since the epoch.",
            usage.start_seconds,
        ),
        ("process_threads", "gauge", "Threads.", usage.threads as f64),
    ];
    for (name, kind, help, value) in lines {
        into.push_str(&format!(
            "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something() {
        let usage = usage();
        assert!(usage.resident_bytes > 100_000, "{usage:?}");
        assert!(
            usage.open_fds >= 3 && usage.max_fds >= usage.open_fds,
            "{usage:?}"
        );
        assert!(usage.start_seconds > 1_600_000_000.0, "{usage:?}");
    }
}
