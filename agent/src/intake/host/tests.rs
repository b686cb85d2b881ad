//! Recorded machines in, the text that node_exporter's users know out; and this very machine.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use expect_test::expect_file;
use weft_model::is_stale;

use super::filesystem::Usage;
use super::recorder::Reading;
use super::*;
use crate::config::Roots;

fn recorded(kernel: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/data/node")
        .join(kernel)
}

fn config_at(dir: &Path) -> HostConfig {
    HostConfig {
        roots: Roots {
            proc: dir.join("proc"),
            sys: dir.join("sys"),
            root: "/".into(),
        },
        labels: vec![("namespace".to_owned(), "monitoring".to_owned())],
        mount_deadline: Duration::from_secs(5),
        ..HostConfig::default()
    }
}

fn host_at(dir: &Path) -> Host {
    let config = config_at(dir);
    let mounts = Filesystem::with_usage(&config.roots, config.mount_deadline, fixed_usage);
    Host::with_filesystem(&config, "node", mounts)
}

/// Stands for the machine's mounts, which differ wherever a test runs.
fn fixed_usage(path: &Path) -> io::Result<Usage> {
    if path.ends_with("gone") {
        return Err(rustix::io::Errno::STALE.into());
    }
    Ok(Usage {
        size: 1000,
        free: 300,
        available: 250,
        files: 64,
        files_free: 32,
    })
}

/// Writes a frame as text, sorted, without what takes a different time in every run.
fn text(frame: &Frame<'_>) -> String {
    let line = |reading: Reading<'_>| {
        let value = if is_stale(reading.value) {
            "ended".to_owned()
        } else if reading.info.labels.name().contains("duration_seconds") {
            "(time)".to_owned()
        } else {
            reading.value.to_string()
        };
        format!("{} {value}\n", reading.info.labels)
    };
    let mut lines: Vec<_> = frame.readings().map(line).collect();
    lines.sort();
    lines.concat()
}

fn check(kernel: &str) -> String {
    let mut host = host_at(&recorded(kernel));
    let (frame, report) = host.tick(Millis(1_800_000_000_000));
    assert!(report.failing.is_empty(), "{:?}", report.failing);
    text(&frame)
}

#[test]
fn a_recorded_6_18_machine_reads_as_from_node_exporter() {
    expect_file!["../../../../tests/data/node/6.18/expected.metrics"].assert_eq(&check("6.18"));
}

#[test]
fn a_recorded_4_18_machine_reads_as_from_node_exporter() {
    expect_file!["../../../../tests/data/node/4.18/expected.metrics"].assert_eq(&check("4.18"));
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &to);
        } else {
            std::fs::copy(&path, &to).unwrap();
        }
    }
}

#[test]
fn what_goes_away_ends_once_and_may_come_back() {
    let dir = std::env::temp_dir().join(format!("weft-host-{}", std::process::id()));
    copy(&recorded("4.18"), &dir);
    let dev = dir.join("proc/net/dev");
    let all = std::fs::read_to_string(&dev).unwrap();
    let without: String = all
        .lines()
        .filter(|line| !line.contains("ens3"))
        .collect::<Vec<_>>()
        .join("\n");
    let mut host = host_at(&dir);
    let traffic = |host: &mut Host, time| {
        let told = text(&host.tick(Millis(time)).0);
        let of = |line: &&str| line.starts_with("node_network_receive_bytes_total{device=\"ens3\"");
        told.lines()
            .find(of)
            .map(|line| line.rsplit(' ').next().unwrap_or_default().to_owned())
    };
    assert_eq!(traffic(&mut host, 0).as_deref(), Some("1234567890"));
    std::fs::write(&dev, without).unwrap();
    assert_eq!(traffic(&mut host, 1).as_deref(), Some("ended"));
    assert_eq!(traffic(&mut host, 2), None);
    std::fs::write(&dev, all).unwrap();
    assert_eq!(traffic(&mut host, 3).as_deref(), Some("1234567890"));
    assert!(
        host.end(Millis(4))
            .readings()
            .all(|reading| is_stale(reading.value))
    );
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn a_tick_without_news_defines_nothing() {
    let mut host = host_at(&recorded("6.18"));
    assert!(host.tick(Millis(0)).1.added > 300);
    let again = host.tick(Millis(1)).1.clone();
    assert_eq!(again.added, 0);
    assert!(again.samples > 300);
}

#[test]
fn garbage_is_refused_without_a_panic() {
    let dir = std::env::temp_dir().join(format!("weft-garbage-{}", std::process::id()));
    copy(&recorded("4.18"), &dir);
    let mut files = vec![dir.join("proc")];
    let mut seed = 7u64;
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(
                std::fs::read_dir(&path)
                    .unwrap()
                    .flatten()
                    .map(|entry| entry.path()),
            );
            continue;
        }
        let mut bytes = std::fs::read(&path).unwrap();
        for byte in &mut bytes {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            if seed >> 61 == 0 {
                *byte = (seed >> 40) as u8;
            }
        }
        std::fs::write(&path, bytes).unwrap();
    }
    let mut host = host_at(&dir);
    for time in 0..3 {
        host.tick(Millis(time));
    }
    std::fs::remove_dir_all(&dir).unwrap();
}

fn values(frame: &Frame<'_>) -> BTreeMap<String, f64> {
    let value = |reading: Reading<'_>| {
        (
            reading
                .info
                .labels
                .without("job")
                .without("instance")
                .to_string(),
            reading.value,
        )
    };
    frame.readings().map(value).collect()
}

/// Claims that a counter of ours lies between two readings by the reference.
fn assert_between(before: f64, ours: f64, after: f64, what: &str) {
    assert!(
        before <= ours && ours <= after,
        "{what}: {before} <= {ours} <= {after}"
    );
}

#[test]
fn this_machine_reads_as_through_the_procfs_crate() {
    use procfs::{Current, CurrentSI};
    let reference = || {
        let stat = procfs::KernelStats::current().unwrap();
        let devices = procfs::net::dev_status().unwrap();
        let vm = procfs::vmstat().unwrap();
        (stat, devices, vm)
    };
    let (stat, devices, vm) = reference();
    let config = HostConfig::default();
    let mut host = Host::new(&config, "node");
    let ours = values(&host.tick(Millis(0)).0);
    let (stat_after, devices_after, vm_after) = reference();

    let memory = procfs::Meminfo::current().unwrap();
    assert_eq!(ours["node_memory_MemTotal_bytes"], memory.mem_total as f64);
    assert_eq!(
        ours["node_memory_SwapTotal_bytes"],
        memory.swap_total as f64
    );
    assert_eq!(ours["node_boot_time_seconds"], stat.btime as f64);
    let switches = ours["node_context_switches_total"];
    assert_between(
        stat.ctxt as f64,
        switches,
        stat_after.ctxt as f64,
        "context switches",
    );
    for (n, (before, after)) in stat.cpu_time.iter().zip(&stat_after.cpu_time).enumerate() {
        let user = ours[&format!("node_cpu_seconds_total{{cpu=\"{n}\", mode=\"user\"}}")];
        assert_between(
            before.user as f64 / 100.0,
            user,
            after.user as f64 / 100.0,
            "user time",
        );
    }
    for (name, before) in &devices {
        let Some(bytes) = ours.get(&format!(
            "node_network_receive_bytes_total{{device=\"{name}\"}}"
        )) else {
            continue;
        };
        let after = &devices_after[name];
        assert_between(
            before.recv_bytes as f64,
            *bytes,
            after.recv_bytes as f64,
            name,
        );
    }
    let faults = ours["node_vmstat_pgfault"];
    assert_between(
        vm["pgfault"] as f64,
        faults,
        vm_after["pgfault"] as f64,
        "page faults",
    );
    assert_eq!(ours["up"], 1.0);
    assert!(
        ours.keys()
            .any(|name| name.starts_with("node_filesystem_size_bytes{"))
    );
}

/// The names that the node mixin's dashboards and rules read and this kernel offers.
#[test]
fn node_dashboards_find_what_they_read() {
    let mut host = host_at(&recorded("6.18"));
    let told = text(&host.tick(Millis(0)).0);
    for name in [
        "node_cpu_seconds_total",
        "node_disk_io_time_seconds_total",
        "node_disk_io_time_weighted_seconds_total",
        "node_disk_read_bytes_total",
        "node_disk_written_bytes_total",
        "node_exporter_build_info",
        "node_filefd_allocated",
        "node_filefd_maximum",
        "node_filesystem_avail_bytes",
        "node_filesystem_files",
        "node_filesystem_files_free",
        "node_filesystem_readonly",
        "node_filesystem_size_bytes",
        "node_load1",
        "node_memory_Buffers_bytes",
        "node_memory_Cached_bytes",
        "node_memory_MemAvailable_bytes",
        "node_memory_MemFree_bytes",
        "node_memory_MemTotal_bytes",
        "node_memory_Slab_bytes",
        "node_netstat_TcpExt_TCPSynRetrans",
        "node_netstat_Tcp_OutSegs",
        "node_netstat_Tcp_RetransSegs",
        "node_network_receive_bytes_total",
        "node_network_receive_drop_total",
        "node_network_receive_errs_total",
        "node_network_transmit_packets_total",
        "node_network_up",
        "node_nf_conntrack_entries",
        "node_nf_conntrack_entries_limit",
        "node_time_seconds",
        "node_uname_info",
        "node_vmstat_pgmajfault",
        "node_pressure_cpu_waiting_seconds_total",
        "up",
    ] {
        let found = told
            .lines()
            .any(|line| line.split(['{', ' ']).next() == Some(name));
        assert!(found, "{name}");
    }
}
