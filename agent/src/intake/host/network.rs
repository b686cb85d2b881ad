//! Traffic of the interfaces, from `net/dev`.

use super::kept::KeptFile;
use super::recorder::Recorder;
use super::sampler::{SampleError, Sampler, Tick, read};
use super::table::{Column, Table, counter};
use super::text::{fields, key_value, lines, unsigned};
use crate::config::Roots;

static COLUMNS: [Column; 16] = [
    counter(
        "node_network_receive_bytes_total",
        "Network device statistic receive_bytes.",
    ),
    counter(
        "node_network_receive_packets_total",
        "Network device statistic receive_packets.",
    ),
    counter(
        "node_network_receive_errs_total",
        "Network device statistic receive_errs.",
    ),
    counter(
        "node_network_receive_drop_total",
        "Network device statistic receive_drop.",
    ),
    counter(
        "node_network_receive_fifo_total",
        "Network device statistic receive_fifo.",
    ),
    counter(
        "node_network_receive_frame_total",
        "Network device statistic receive_frame.",
    ),
    counter(
        "node_network_receive_compressed_total",
        "Network device statistic receive_compressed.",
    ),
    counter(
        "node_network_receive_multicast_total",
        "Network device statistic receive_multicast.",
    ),
    counter(
        "node_network_transmit_bytes_total",
        "Network device statistic transmit_bytes.",
    ),
    counter(
        "node_network_transmit_packets_total",
        "Network device statistic transmit_packets.",
    ),
    counter(
        "node_network_transmit_errs_total",
        "Network device statistic transmit_errs.",
    ),
    counter(
        "node_network_transmit_drop_total",
        "Network device statistic transmit_drop.",
    ),
    counter(
        "node_network_transmit_fifo_total",
        "Network device statistic transmit_fifo.",
    ),
    counter(
        "node_network_transmit_colls_total",
        "Network device statistic transmit_colls.",
    ),
    counter(
        "node_network_transmit_carrier_total",
        "Network device statistic transmit_carrier.",
    ),
    counter(
        "node_network_transmit_compressed_total",
        "Network device statistic transmit_compressed.",
    ),
];

/// Samples the traffic of the interfaces.
#[derive(Debug)]
pub(super) struct Network {
    dev: KeptFile,
    table: Table,
}

impl Network {
    /// Returns the sampler of the machine under `roots`.
    pub(super) fn new(roots: &Roots) -> Network {
        Network {
            dev: KeptFile::new(roots.proc.join("net/dev")),
            table: Table::new(&COLUMNS, &["device"]),
        }
    }
}

impl Sampler for Network {
    fn name(&self) -> &'static str {
        "netdev"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) -> Result<(), SampleError> {
        let text = read(&mut self.dev, tick.buffer)?;
        for line in lines(text).skip(2) {
            let Some((device, rest)) = key_value(line) else {
                continue;
            };
            if is_of_a_pod(device) {
                continue;
            }
            let values = fields(rest).map(|field| unsigned(field).map(|value| value as f64));
            self.table.set(tick.out, &[device], values);
        }
        Ok(())
    }

    fn sweep(&mut self, out: &mut Recorder) {
        self.table.sweep(out);
    }
}

/// Tells whether `^(veth.*|[a-f0-9]{15})$` matches: the node's end of a pod's interface, of which
/// there are too many, with names that mean nothing later.
pub(super) fn is_of_a_pod(device: &[u8]) -> bool {
    let hash = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    device.starts_with(b"veth") || (device.len() == 15 && device.iter().all(hash))
}
