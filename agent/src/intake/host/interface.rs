//! The state of the interfaces, from `/sys/class/net`.
//!
//! In: one small file per fact, read on a quarantine thread, since drivers may take their time and
//! the kernel's lock on interfaces is contended. Out: `node_network_up`, `_info`, `_mtu_bytes` and
//! the like. Bound: the quarantine's deadline; a late answer is replaced by the last one.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::network::is_of_a_pod;
use super::quarantine::Quarantine;
use super::recorder::Recorder;
use super::sampler::{SampleError, Sampler, Tick};
use super::table::{Column, Table, counter, gauge};
use crate::config::Roots;

static COLUMNS: [Column; 15] = [
    gauge(
        "node_network_up",
        "Value is 1 if operstate is 'up', 0 otherwise.",
    ),
    gauge("node_network_carrier", "Network device property: carrier."),
    counter(
        "node_network_carrier_changes_total",
        "Network device property: carrier_changes_total.",
    ),
    counter(
        "node_network_carrier_up_changes_total",
        "Network device property: carrier_up_changes_total.",
    ),
    counter(
        "node_network_carrier_down_changes_total",
        "Network device property: carrier_down_changes_total.",
    ),
    gauge(
        "node_network_mtu_bytes",
        "Network device property: mtu_bytes.",
    ),
    gauge(
        "node_network_speed_bytes",
        "Network device property: speed_bytes.",
    ),
    gauge(
        "node_network_iface_id",
        "Network device property: iface_id.",
    ),
    gauge(
        "node_network_iface_link",
        "Network device property: iface_link.",
    ),
    gauge("node_network_flags", "Network device property: flags."),
    gauge("node_network_dormant", "Network device property: dormant."),
    gauge(
        "node_network_net_dev_group",
        "Network device property: net_dev_group.",
    ),
    gauge(
        "node_network_protocol_type",
        "Network device property: protocol_type.",
    ),
    gauge(
        "node_network_transmit_queue_length",
        "Network device property: transmit_queue_length.",
    ),
    counter(
        "node_network_receive_nohandler_total",
        "Network device statistic receive_nohandler.",
    ),
];

/// The file of each column from the second on.
const FILES: [&str; COLUMNS.len() - 1] = [
    "carrier",
    "carrier_changes",
    "carrier_up_count",
    "carrier_down_count",
    "mtu",
    "speed",
    "ifindex",
    "iflink",
    "flags",
    "dormant",
    "netdev_group",
    "type",
    "tx_queue_len",
    "statistics/rx_nohandler",
];
const SPEED: usize = 6;
/// Megabits per second, in bytes.
const MEGABIT_BYTES: f64 = 125_000.0;

static INFO: [Column; 1] = [gauge(
    "node_network_info",
    "Non-numeric data from /sys/class/net/<iface>, value is always 1.",
)];
const INFO_LABELS: [&str; 7] = [
    "device",
    "address",
    "adminstate",
    "broadcast",
    "duplex",
    "ifalias",
    "operstate",
];
const INTERFACE_UP: u64 = 1;

/// What is known of one interface.
#[derive(Clone, Debug)]
struct Facts {
    numbers: [Option<f64>; COLUMNS.len()],
    /// In order of [`INFO_LABELS`].
    texts: [String; INFO_LABELS.len()],
}

/// Samples the state of the interfaces.
#[derive(Debug)]
pub(super) struct Interface {
    quarantine: Quarantine<Vec<Facts>>,
    deadline: Duration,
    numbers: Table,
    info: Table,
    /// The directory, as the only question to the quarantine.
    class: [std::path::PathBuf; 1],
}

impl Interface {
    /// Returns the sampler of the machine under `roots`, which waits for answers until `deadline`.
    pub(super) fn new(roots: &Roots, deadline: Duration) -> Interface {
        Interface {
            quarantine: Quarantine::new("weft-interfaces", 1, facts),
            deadline,
            numbers: Table::new(&COLUMNS, &["device"]),
            info: Table::new(&INFO, &INFO_LABELS),
            class: [roots.sys.join("class/net")],
        }
    }
}

impl Sampler for Interface {
    fn name(&self) -> &'static str {
        "netclass"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) -> Result<(), SampleError> {
        let mut answered = false;
        let (numbers, info) = (&mut self.numbers, &mut self.info);
        self.quarantine
            .ask(&self.class, self.deadline, |_, answer| {
                let Some(interfaces) = answer.value else {
                    return;
                };
                answered = true;
                for facts in interfaces {
                    let labels = facts.texts.each_ref().map(String::as_bytes);
                    numbers.set(tick.out, &labels[..1], facts.numbers);
                    info.set(tick.out, &labels, [Some(1.0)]);
                }
            });
        if answered {
            Ok(())
        } else {
            Err(SampleError::Absent {
                path: self.class[0].clone(),
            })
        }
    }

    fn sweep(&mut self, out: &mut Recorder) {
        self.numbers.sweep(out);
        self.info.sweep(out);
    }
}

/// Reads the facts of all interfaces, in order of their names.
fn facts(class: &Path) -> Vec<Facts> {
    let Ok(entries) = fs::read_dir(class) else {
        return Vec::new();
    };
    let mut all = BTreeMap::new();
    for entry in entries.flatten() {
        let Ok(device) = entry.file_name().into_string() else {
            continue;
        };
        // The directory also holds files, such as `bonding_masters`.
        if !is_of_a_pod(device.as_bytes()) && entry.path().join("ifindex").exists() {
            all.insert(device.clone(), facts_of(&entry.path(), device));
        }
    }
    all.into_values().collect()
}

fn facts_of(dir: &Path, device: String) -> Facts {
    let text = |file: &str| {
        fs::read_to_string(dir.join(file))
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let state = text("operstate");
    let mut numbers = [None; COLUMNS.len()];
    numbers[0] = Some(f64::from(u8::from(state == "up")));
    for (number, file) in numbers[1..].iter_mut().zip(FILES) {
        *number = integer(&text(file)).map(|value| value as f64);
    }
    // A speed that is not known is -1.
    numbers[SPEED] = numbers[SPEED]
        .filter(|speed| *speed >= 0.0)
        .map(|speed| speed * MEGABIT_BYTES);
    let is_up = integer(&text("flags")).is_some_and(|flags| flags as u64 & INTERFACE_UP != 0);
    let admin = if is_up { "up" } else { "down" }.to_owned();
    let texts = [
        device,
        text("address"),
        admin,
        text("broadcast"),
        text("duplex"),
        text("ifalias"),
        state,
    ];
    Facts { numbers, texts }
}

/// Reads a number, decimal or after `0x` hexadecimal.
fn integer(text: &str) -> Option<i64> {
    match text.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}
