//! The agent's settings.

use std::path::{Path, PathBuf};

use weft_agent::config::{
    Config, FileSource, HostConfig, OutletConfig, Roots, Start, TailConfig, Transport,
};

use super::reader::{Field, Reader, key};
use super::{labels, memory};

pub(super) fn read(reader: &mut Reader<'_>, data: &Path) -> Config {
    Config {
        name: name(reader),
        state: data.join("state"),
        host: Some(host(reader)).filter(|host| !host.interval.is_zero()),
        tail: tail(reader),
        outlet: outlet(reader),
    }
}

fn name(reader: &mut Reader<'_>) -> String {
    let about = "The node's name, its instance label. Without it, the host name.";
    let name = reader.text(key("agent.name", "", about));
    if !name.is_empty() {
        return name;
    }
    let host = sysinfo::System::host_name()
        .ok()
        .filter(|name| !name.is_empty());
    host.unwrap_or("localhost".to_owned())
}

fn host(reader: &mut Reader<'_>) -> HostConfig {
    let about = "Time between two samplings of the host, on multiples of it; 0 to sample nothing.";
    let mut path = |path, default, about| PathBuf::from(reader.text(key(path, default, about)));
    let roots = Roots {
        proc: path(
            "agent.host.proc",
            "/proc",
            "Where the host's /proc is mounted.",
        ),
        sys: path(
            "agent.host.sys",
            "/sys",
            "Where the host's /sys is mounted.",
        ),
        root: path("agent.host.root", "/", "Where the host's root is mounted."),
    };
    HostConfig {
        interval: reader.duration(key("agent.interval", "15s", about)),
        roots,
        job: reader.text(key("agent.host.job", "node-exporter", "The job label of host series.")),
        labels: labels(reader, key("agent.labels", "", "More labels on every host series.")),
        disabled: reader.texts(key(
            "agent.host.disabled",
            "",
            "Collectors to leave out, such as netstat.",
        )),
        mount_deadline: reader.interval(key(
            "agent.host.mount_deadline",
            "50ms",
            "How long a tick waits for file systems to answer; a hung mount is reported, not waited for.",
        )),
        series_max: reader.number(key(
            "agent.host.series_max",
            "20000",
            "Series of this host; what is beyond is dropped and counted.",
        )) as usize,
    }
}

fn tail(reader: &mut Reader<'_>) -> TailConfig {
    let pods = reader.texts(key(
        "agent.logs.pods",
        "/var/log/pods",
        "Directories of container logs, laid out as the kubelet does. What is missing is skipped.",
    ));
    TailConfig {
        pods: pods.into_iter().map(PathBuf::from).collect(),
        files: files(reader),
        start: start(reader),
        batch_bytes: memory(
            reader,
            key(
                "agent.logs.batch_bytes",
                "512KiB",
                "A batch of lines is sent at this size, before compression.",
            ),
        ),
        batch_age: reader.interval(key(
            "agent.logs.batch_age",
            "200ms",
            "A batch of lines is sent at this age.",
        )),
        in_flight_bytes: memory(
            reader,
            key(
                "agent.logs.in_flight_bytes",
                "4MiB",
                "Lines that are read but not acknowledged; reading pauses there.",
            ),
        ),
        streams_max: reader.number(key(
            "agent.logs.streams_max",
            "4096",
            "Log streams that are followed; more are refused and counted.",
        )) as usize,
        pinned_bytes_max: reader.bytes(key(
            "agent.logs.pinned_bytes_max",
            "1GiB",
            "Bytes of deleted files that are held open to be read; the oldest are let go beyond.",
        )),
        rescan: reader.interval(key(
            "agent.logs.rescan",
            "10s",
            "Time between rescans of all directories, beside the kernel's events.",
        )),
    }
}

fn files(reader: &mut Reader<'_>) -> Vec<FileSource> {
    let paths = reader.texts(key(
        "agent.logs.paths",
        "/var/log/*.log,/var/log/syslog,/var/log/messages",
        "Plain log files to follow, one line an entry, with the label job=\"files\"; * and ? are allowed.",
    ));
    let plain = |glob| FileSource {
        glob,
        job: "files".to_owned(),
        labels: Vec::new(),
    };
    let mut files: Vec<FileSource> = paths.into_iter().map(plain).collect();
    let fields = [
        Field {
            name: "path",
            default: None,
            about: "A path or glob.",
        },
        Field {
            name: "job",
            default: Some("files"),
            about: "The job label of its lines.",
        },
    ];
    let about = "More log files to follow, each with a job label of its own.";
    for record in reader.records(key("agent.logs.files", "", about), &fields) {
        let field = |name: &str| record.get(name).cloned().unwrap_or_default();
        files.push(FileSource {
            glob: field("path"),
            job: field("job"),
            labels: Vec::new(),
        });
    }
    files
}

fn start(reader: &mut Reader<'_>) -> Start {
    let about = "Where to begin with files that are there when the agent first runs.";
    reader.value(
        key("agent.logs.start", "beginning", about),
        "beginning or end",
        |text| match text {
            "beginning" => Some(Start::Beginning),
            "end" => Some(Start::End),
            _ => None,
        },
    )
}

fn outlet(reader: &mut Reader<'_>) -> OutletConfig {
    let about =
        "How to reach the collector: auto (QUIC, and gRPC where UDP is blocked), quic, grpc.";
    OutletConfig {
        addresses: reader.texts(key(
            "agent.to",
            "127.0.0.1:7710",
            "Collectors or aggregators to send to, in order of preference.",
        )),
        transport: reader.value(
            key("agent.transport", "auto", about),
            "auto, quic or grpc",
            transport,
        ),
        join_token: Some(reader.text(key(
            "agent.join",
            "",
            "The join token; needed only until there is a certificate.",
        )))
        .filter(|token| !token.is_empty()),
        spool_bytes_max: reader.bytes(key(
            "agent.spool.bytes_max",
            "256MiB",
            "Metrics kept on disk while nobody takes them; the oldest go first, counted.",
        )),
        spool_age_max: reader.interval(key(
            "agent.spool.age_max",
            "1d",
            "Metrics that waited longer are dropped, counted.",
        )),
        window_bytes: memory(
            reader,
            key(
                "agent.window_bytes",
                "4MiB",
                "Bytes in flight on one channel, whatever the receiver grants.",
            ),
        ),
        reconnect_max: reader.interval(key(
            "agent.reconnect_max",
            "15s",
            "The longest wait between two tries to connect.",
        )),
    }
}

fn transport(text: &str) -> Option<Transport> {
    match text {
        "auto" => Some(Transport::Auto),
        "quic" => Some(Transport::Quic),
        "grpc" => Some(Transport::Grpc),
        _ => None,
    }
}
