//! The protocol counters of `netstat`, `snmp` and `snmp6` that node_exporter selects by default.

use weft_model::MetricKind;

use super::kept::KeptFile;
use super::recorder::Recorder;
use super::sampler::{SampleError, Sampler, Tick, malformed, read};
use super::table::Names;
use super::text::{fields, lines, number};
use crate::config::Roots;

/// Samples protocol counters.
#[derive(Debug)]
pub(super) struct Netstat {
    /// A line of names, then a line of values, for each protocol.
    paired: [KeptFile; 2],
    snmp6: KeptFile,
    names: Names,
    key: Vec<u8>,
}

impl Netstat {
    /// Returns the sampler of the machine under `roots`.
    pub(super) fn new(roots: &Roots) -> Netstat {
        let file = |name: &str| KeptFile::new(roots.proc.join("net").join(name));
        Netstat {
            paired: [file("netstat"), file("snmp")],
            snmp6: file("snmp6"),
            names: Names::default(),
            key: Vec::new(),
        }
    }
}

impl Sampler for Netstat {
    fn name(&self) -> &'static str {
        "netstat"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) -> Result<(), SampleError> {
        let Netstat {
            paired,
            snmp6,
            names,
            key,
        } = self;
        for file in paired {
            let text = read(file, tick.buffer)?;
            let mut rows = lines(text);
            while let (Some(head), Some(values)) = (rows.next(), rows.next()) {
                let (mut head, mut values) = (fields(head), fields(values));
                let protocol = head.next().unwrap_or_default();
                if values.next() != Some(protocol) {
                    return Err(malformed(file));
                }
                let protocol = protocol.strip_suffix(b":").unwrap_or(protocol);
                for (field, value) in head.zip(values) {
                    set(names, key, tick.out, (protocol, field), value);
                }
            }
        }
        // Without IPv6 there is no such file.
        if let Ok(text) = read(snmp6, tick.buffer) {
            for line in lines(text) {
                let mut words = fields(line);
                let (Some(name), Some(value)) = (words.next(), words.next()) else {
                    continue;
                };
                let Some(six) = memchr::memchr(b'6', name) else {
                    continue;
                };
                set(names, key, tick.out, name.split_at(six + 1), value);
            }
        }
        Ok(())
    }

    fn sweep(&mut self, out: &mut Recorder) {
        self.names.sweep(out);
    }
}

fn set(
    names: &mut Names,
    key: &mut Vec<u8>,
    out: &mut Recorder,
    (protocol, field): (&[u8], &[u8]),
    value: &[u8],
) {
    let Some(value) = number(value) else { return };
    key.clear();
    key.extend_from_slice(protocol);
    key.push(b'_');
    key.extend_from_slice(field);
    names.set(out, key, value, || {
        let name = std::str::from_utf8(key).ok()?;
        let (protocol, field) = name.split_once('_')?;
        let help = format!("Statistic {protocol}{field}.");
        is_selected(protocol, field)
            .then(|| (format!("node_netstat_{name}"), MetricKind::Unknown, help))
    });
}

/// Tells whether node_exporter's default expression selects the counter, or dashboards read it all
/// the same (`Tcp_MaxConn`).
fn is_selected(protocol: &str, field: &str) -> bool {
    let any = |fields: &[&str]| fields.contains(&field);
    if any(&["InErrors", "InErrs"]) {
        return true;
    }
    match protocol {
        "Ip" => field == "Forwarding",
        "Ip6" | "IpExt" => any(&["InOctets", "OutOctets"]),
        "Icmp" | "Icmp6" => any(&["InMsgs", "OutMsgs"]),
        "TcpExt" => {
            field.starts_with("Listen")
                || field.starts_with("Syncookies")
                || any(&["TCPSynRetrans", "TCPTimeouts", "TCPOFOQueue", "TCPRcvQDrop"])
        }
        "Tcp" => any(&[
            "ActiveOpens",
            "InSegs",
            "OutSegs",
            "OutRsts",
            "PassiveOpens",
            "RetransSegs",
            "CurrEstab",
            "MaxConn",
        ]),
        "Udp" | "Udp6" => any(&[
            "InDatagrams",
            "OutDatagrams",
            "NoPorts",
            "RcvbufErrors",
            "SndbufErrors",
        ]),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, selected: bool) {
        let (protocol, field) = name.split_once('_').unwrap();
        assert_eq!(is_selected(protocol, field), selected, "{name}");
    }

    #[test]
    fn the_default_selection_is_node_exporters() {
        for name in [
            "Tcp_CurrEstab",
            "TcpExt_ListenDrops",
            "UdpLite_InErrors",
            "Ip6_InOctets",
        ] {
            check(name, true);
        }
        for name in [
            "Tcp_RtoMin",
            "TcpExt_TCPHPHits",
            "Ip_InReceives",
            "Icmp_InEchos",
        ] {
            check(name, false);
        }
    }
}
