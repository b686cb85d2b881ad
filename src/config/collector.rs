//! The collector's settings.

use std::path::Path;

use weft_collector::config::{AdmitConfig, Config, IntakeConfig, OutletConfig, SpoolConfig};
use weft_link::TransportChoice;

use super::reader::{Reader, key};
use super::{address, labels, memory};

pub(super) fn read(reader: &mut Reader<'_>, data: &Path) -> Config {
    Config {
        name: reader.text(key(
            "collector.name",
            "collector",
            "The name it asks for when it enrols.",
        )),
        state: data.join("collector"),
        intake: intake(reader),
        admit: admit(reader),
        labels: labels(
            reader,
            key(
                "collector.labels",
                "",
                "Labels added to all that passes, such as region and cluster; they override none.",
            ),
        ),
        spool: SpoolConfig {
            bytes_max: reader.bytes(key(
                "collector.spool.bytes_max",
                "10GiB",
                "What is kept on disk until an aggregator has it; when it is full, agents wait.",
            )),
            free_bytes_min: reader.bytes(key(
                "collector.spool.free_bytes_min",
                "512MiB",
                "Space of the file system that stays free, but no more than a tenth of it.",
            )),
            ..SpoolConfig::new(data.join("spool"))
        },
        outlet: outlet(reader),
    }
}

fn intake(reader: &mut Reader<'_>) -> IntakeConfig {
    IntakeConfig {
        listen: address(
            reader,
            key(
                "collector.listen",
                "0.0.0.0:7710",
                "Where agents connect, over UDP (QUIC) and TCP (gRPC); with `weft up`, 127.0.0.1:7710.",
            ),
        ),
        connections_max: reader.number(key(
            "collector.connections_max",
            "20000",
            "Connections at one time; more are refused.",
        )) as usize,
        window_bytes: reader.bytes(key(
            "collector.window_bytes",
            "8MiB",
            "Bytes in flight on one channel of an agent.",
        )),
        memory_bytes: memory(
            reader,
            key(
                "collector.memory_bytes",
                "64MiB",
                "Bytes in memory that are not yet on disk, of all agents together.",
            ),
        ),
    }
}

fn admit(reader: &mut Reader<'_>) -> AdmitConfig {
    let budget = key(
        "collector.agent_bytes_per_second",
        "",
        "Bytes per second of one agent; more waits. Without it, no limit.",
    );
    AdmitConfig {
        agent_bytes_per_second: reader.value(budget, "a size such as 1MiB", |text| match text {
            "" => Some(None),
            text => weft_stdx::text::parse_bytes(text).map(Some),
        }),
        ..AdmitConfig::default()
    }
}

fn outlet(reader: &mut Reader<'_>) -> OutletConfig {
    let about =
        "How to reach the aggregator: auto (QUIC, and gRPC where UDP is blocked), quic, grpc.";
    let addresses = reader.texts(key(
        "collector.to",
        "127.0.0.1:7711",
        "Aggregators to forward to, in order of preference.",
    ));
    OutletConfig {
        transport: reader.value(
            key("collector.transport", "auto", about),
            "auto, quic or grpc",
            transport,
        ),
        join_token: Some(reader.text(key(
            "collector.join",
            "",
            "The join token; needed only until there is a certificate.",
        )))
        .filter(|token| !token.is_empty()),
        reconnect_max: reader.interval(key(
            "collector.reconnect_max",
            "15s",
            "The longest wait between two tries to connect.",
        )),
        ..OutletConfig::new(addresses)
    }
}

fn transport(text: &str) -> Option<TransportChoice> {
    match text {
        "auto" => Some(TransportChoice::Auto),
        "quic" => Some(TransportChoice::Quic),
        "grpc" => Some(TransportChoice::Grpc),
        _ => None,
    }
}
