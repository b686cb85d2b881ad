//! The settings in force, as clients of Prometheus look for them: flags, and its configuration.
//!
//! A Thanos sidecar reads both: labels that tell this aggregator from others, and how long blocks
//! are. None of what is told is a secret.

use weft_api::prometheus::status::Flag;
use weft_stdx::text;

use crate::config::Config;

/// The length of Prometheus's blocks before they are compacted.
const BLOCK_LENGTH: &str = "2h";

/// Returns the settings that Prometheus has as flags, under their names there.
pub(super) fn flags(config: &Config) -> Vec<Flag> {
    let query = &config.query;
    let path = config.data.join("tsdb").display().to_string();
    let flags = [
        ("query.lookback-delta", text::duration(query.lookback)),
        ("query.max-concurrency", query.at_once_max.to_string()),
        ("query.max-samples", query.samples_max.to_string()),
        ("query.timeout", text::duration(query.timeout)),
        // Parts have lengths of their own. That both are equal tells a sidecar that no block is
        // compacted under its hands.
        ("storage.tsdb.max-block-duration", BLOCK_LENGTH.to_owned()),
        ("storage.tsdb.min-block-duration", BLOCK_LENGTH.to_owned()),
        ("storage.tsdb.path", path),
        (
            "storage.tsdb.retention.time",
            text::duration(config.metrics.retention),
        ),
        ("web.enable-admin-api", config.admin_api.to_string()),
        ("web.enable-lifecycle", "true".to_owned()),
        ("web.enable-remote-write-receiver", "true".to_owned()),
        ("web.listen-address", config.http.to_string()),
    ];
    let flag = |(name, value): (&str, String)| Flag {
        name: name.to_owned(),
        value,
    };
    flags.into_iter().map(flag).collect()
}

/// Returns what Prometheus has in its configuration, too, as YAML.
pub(super) fn yaml(config: &Config) -> String {
    let interval = text::duration(config.scrape_interval);
    let mut yaml = format!("global:\n  scrape_interval: {interval}\n");
    let labels = config.rules.external_labels.as_ref();
    if let Some(labels) = labels.filter(|labels| !labels.is_empty()) {
        yaml += "  external_labels:\n";
        let lines = labels.iter();
        yaml.extend(lines.map(|(name, value)| format!("    {name}: {}\n", quoted(value))));
    }
    let retention = text::duration(config.metrics.retention);
    yaml + &format!("storage:\n  tsdb:\n    retention:\n      time: {retention}\n")
}

/// Writes a text in YAML's double quotes.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            char if char.is_control() => quoted += &format!("\\U{:08x}", u32::from(char)),
            char => quoted.push(char),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use weft_model::Labels;

    use super::*;

    #[test]
    fn a_sidecar_finds_its_labels_and_equal_block_lengths() {
        let mut config = Config::new("data".into());
        let labels = [("region", "a \"b\" \\ \u{7}"), ("cluster", "c")];
        config.rules.external_labels = Some(Labels::from_pairs(labels));
        assert_eq!(
            yaml(&config),
            "global:\n  scrape_interval: 15s\n  external_labels:\n    cluster: \"c\"\n    \
             region: \"a \\\"b\\\" \\\\ \\U00000007\"\n\
             storage:\n  tsdb:\n    retention:\n      time: 15d\n"
        );
        let flags = flags(&config);
        let value = |name: &str| {
            let found = flags.iter().find(|flag| flag.name.ends_with(name));
            found.map(|flag| flag.value.as_str())
        };
        assert_eq!(value("min-block-duration"), value("max-block-duration"));
    }
}
