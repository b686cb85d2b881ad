//! The aggregator's settings.

use std::path::Path;
use std::time::Duration;

use weft_aggregator::config::{Config, LogsConfig, MetricsConfig, QueryConfig, SelectorRetention};
use weft_stdx::text::parse_duration;

use super::reader::{Field, Key, Reader, key};
use super::{address, labels, memory, rules};

pub(super) fn read(reader: &mut Reader<'_>, data: &Path) -> Config {
    Config {
        data: data.to_owned(),
        http: address(
            reader,
            key(
                "aggregator.http",
                "127.0.0.1:7700",
                "Where the HTTP APIs and the web page are served.",
            ),
        ),
        ingest: address(
            reader,
            key(
                "aggregator.ingest",
                "127.0.0.1:7710",
                "Where collectors and agents connect, over UDP (QUIC) and TCP (gRPC).",
            ),
        ),
        names: reader.texts(key(
            "aggregator.names",
            "",
            "Host names and addresses by which peers reach the ingest port.",
        )),
        metrics: metrics(reader),
        logs: LogsConfig {
            retention: reader.interval(key(
                "aggregator.logs.retention",
                "7d",
                "How long lines are kept.",
            )),
            retention_bytes: optional_bytes(
                reader,
                key(
                    "aggregator.logs.retention_bytes",
                    "",
                    "Disk space for lines; the oldest go first. Without it, no limit.",
                ),
            ),
        },
        query: query(reader),
        scrape_interval: Config::new(data.to_owned()).scrape_interval,
        rules: origin(reader),
        flush_every: reader.interval(key(
            "aggregator.flush_every",
            "30s",
            "Time between two moves of what is in memory into files; the journal covers the rest.",
        )),
        admin_api: reader.switch(key(
            "aggregator.admin_api",
            "false",
            "Whether series may be deleted and snapshots made over HTTP.",
        )),
        certificate_lifetime: reader.interval(key(
            "aggregator.certificate_lifetime",
            "1d",
            "How long certificates of agents and collectors live; they renew themselves at 70 %.",
        )),
    }
}

fn metrics(reader: &mut Reader<'_>) -> MetricsConfig {
    MetricsConfig {
        retention: reader.interval(key(
            "aggregator.metrics.retention",
            "15d",
            "How long samples are kept.",
        )),
        retention_by: retention_by(reader),
        retention_bytes: optional_bytes(
            reader,
            key(
                "aggregator.metrics.retention_bytes",
                "",
                "Disk space for samples; the oldest go first. Without it, no limit.",
            ),
        ),
        exemplars_max: reader.number(key(
            "aggregator.metrics.exemplars_max",
            "1000000",
            "Exemplars that are kept; of more the oldest go, counted.",
        )) as usize,
        exemplars_retention: optional_duration(
            reader,
            key(
                "aggregator.metrics.exemplars_retention",
                "",
                "How long exemplars are kept. Without it, as long as the samples of their series.",
            ),
        ),
        rollups: reader.switch(key(
            "aggregator.metrics.rollups",
            "true",
            "Whether whole days are rolled up, and long queries answered from that where the answer is the same, bit by bit.",
        )),
        series_max: reader.number(key(
            "aggregator.metrics.series_max",
            "3000000",
            "Active series; new ones beyond are refused, counted, and the offender named.",
        )) as usize,
        head_bytes_max: reader.bytes(key(
            "aggregator.metrics.head_bytes_max",
            "2GiB",
            "Recent samples in memory, also while the journal is replayed; beyond it they are flushed, and senders wait.",
        )) as usize,
    }
}

/// The most rules of retention by selector.
const RETENTION_RULES_MAX: usize = 64;

/// The shortest retention of a rule: what is younger is mostly still in memory.
const RULE_RETENTION_MIN: Duration = Duration::from_secs(3600);

fn retention_by(reader: &mut Reader<'_>) -> Vec<SelectorRetention> {
    let fields = [
        Field {
            name: "match",
            default: None,
            about: "A selector such as {job=\"batch\"}.",
        },
        Field {
            name: "retention",
            default: None,
            about: "How long the samples of its series are kept, an hour or longer.",
        },
    ];
    let path = "aggregator.metrics.retention_by";
    let about = "Series whose samples are kept for another time, shorter or longer; of several \
                 rules that a series fulfils the first counts.";
    let records = reader.records(key(path, "", about), &fields);
    if records.len() > RETENTION_RULES_MAX {
        let most = format!("has more than {RETENTION_RULES_MAX} rules");
        reader.fault(path.to_owned(), most);
    }
    let mut rules = Vec::new();
    for (i, record) in records.iter().enumerate() {
        let (Some(selector), Some(text)) = (record.get("match"), record.get("retention")) else {
            continue;
        };
        let retention = parse_duration(text).filter(|it| *it >= RULE_RETENTION_MIN);
        let Some(retention) = retention else {
            let what = format!("{text:?} is not a duration of 1h or longer");
            reader.fault(format!("{path}[{i}].retention"), what);
            continue;
        };
        match SelectorRetention::parse(selector, retention) {
            Ok(rule) => rules.push(rule),
            Err(what) => reader.fault(format!("{path}[{i}].match"), what),
        }
    }
    rules
}

fn query(reader: &mut Reader<'_>) -> QueryConfig {
    QueryConfig {
        timeout: reader.interval(key(
            "aggregator.query.timeout",
            "2m",
            "The longest a query may take.",
        )),
        at_once_max: reader.number(key(
            "aggregator.query.at_once_max",
            "20",
            "Queries at one time; more wait.",
        )) as usize,
        waiting_max: reader.number(key(
            "aggregator.query.waiting_max",
            "500",
            "Queries that wait for their turn; more are refused with 503.",
        )) as usize,
        samples_max: reader.number(key(
            "aggregator.query.samples_max",
            "50000000",
            "Samples that one query may hold in memory.",
        )) as usize,
        bytes_max: memory(
            reader,
            key(
                "aggregator.query.bytes_max",
                "1GiB",
                "Memory that one query may hold.",
            ),
        ),
        cache_bytes: memory(
            reader,
            key(
                "aggregator.query.cache_bytes",
                "64MiB",
                "Answers of range queries kept in memory to be extended; 0 to keep none.",
            ),
        ),
        lookback: reader.interval(key(
            "aggregator.query.lookback",
            "5m",
            "How far back an instant selector looks for a sample.",
        )),
    }
}

/// Returns what the templates of rules are told of where they run.
fn origin(reader: &mut Reader<'_>) -> weft_alert::Origin {
    let labels = labels(
        reader,
        key(
            "aggregator.rules.external_labels",
            "",
            "What templates of rules see as $externalLabels.",
        ),
    );
    weft_alert::Origin {
        external_labels: Some(weft_model::Labels::from_pairs(labels)),
        external_url: reader.text(key(
            "aggregator.rules.external_url",
            "",
            "Where people reach this aggregator; what templates of rules see as $externalURL.",
        )),
    }
}

/// Reads the rule files; their faults are faults of the setting that names them.
pub(super) fn rules(reader: &mut Reader<'_>) -> Vec<weft_alert::Group> {
    const FILES: &str = "aggregator.rules.files";
    let patterns = reader.texts(key(
        FILES,
        "",
        "Rule files as Prometheus has them, or patterns such as rules/*.yaml; a reload reads them again.",
    ));
    let interval = reader.interval(key(
        "aggregator.rules.interval",
        "1m",
        "How often groups are evaluated that do not say.",
    ));
    match rules::read_all(&patterns, interval) {
        Ok(groups) => groups,
        Err(faults) => {
            for fault in faults {
                reader.fault(FILES.to_owned(), fault);
            }
            Vec::new()
        }
    }
}

fn optional_duration(reader: &mut Reader<'_>, key: Key) -> Option<Duration> {
    let positive = |text: &str| parse_duration(text).filter(|it| !it.is_zero());
    reader.value(key, "a duration above 0, such as 2d", |text| match text {
        "" => Some(None),
        text => positive(text).map(Some),
    })
}

fn optional_bytes(reader: &mut Reader<'_>, key: Key) -> Option<u64> {
    reader.value(key, "a size such as 100GiB", |text| match text {
        "" => Some(None),
        text => weft_stdx::text::parse_bytes(text).map(Some),
    })
}
