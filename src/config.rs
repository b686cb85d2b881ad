//! Raw settings in, the plain configuration of each role out; every fault is told, with its path.
//!
//! In: one YAML file, `WEFT_*` variables, flags. Out: [`Settings`]. Nothing reads the environment
//! after this. `docs/config.md` is made from the keys that are asked for here.

mod agent;
mod aggregator;
mod collector;
mod glob;
mod reader;
pub(crate) mod rule_tests;
pub(crate) mod rules;
mod tree;
mod yaml;

use std::collections::BTreeMap;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

use weft_runtime::logging::Format;

pub(crate) use reader::Fault;
use reader::{Key, KeyDoc, Reader, Sources, key};
use tree::Tree;

/// What every role is told, and what each role is told.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Where data is kept.
    pub(crate) data: PathBuf,
    /// Where the admin port is.
    pub(crate) admin: SocketAddr,
    /// What is logged.
    pub(crate) log_filter: String,
    /// How it is logged.
    pub(crate) log_format: Format,
    /// Whether somebody said where agents connect.
    pub(crate) is_listen_set: bool,
    pub(crate) agent: weft_agent::Config,
    pub(crate) collector: weft_collector::Config,
    pub(crate) aggregator: weft_aggregator::Config,
    /// The rules that the aggregator evaluates.
    pub(crate) rules: Vec<weft_alert::Group>,
}

/// Settings, or everything that is wrong with them.
pub(crate) type Checked = Result<Settings, Vec<Fault>>;

/// Settings that a reload applies; all others need a restart.
const RELOADED: [&str; 3] = [
    "log.filter",
    "aggregator.rules.files",
    "aggregator.rules.interval",
];

/// What a process was started with besides its file, to read the settings again later.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    file: Option<PathBuf>,
    environment: BTreeMap<String, String>,
    flags: BTreeMap<&'static str, (&'static str, String)>,
    /// The settings in force, by key.
    in_force: BTreeMap<String, String>,
}

/// What a reload found.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Reloaded {
    /// The filter of the log, as it is now.
    pub(crate) log_filter: String,
    /// The rules, as they are now.
    pub(crate) rules: Vec<weft_alert::Group>,
    /// Keys that have changed and need a restart.
    pub(crate) need_restart: Vec<String>,
}

impl Start {
    /// Reads the settings again.
    pub(crate) fn reload(&self) -> Result<Reloaded, Vec<Fault>> {
        let (docs, checked) = check(&self.sources()?);
        let settings = checked?;
        let changed = |doc: &&KeyDoc| self.in_force.get(&doc.path) != Some(&doc.value);
        let needs_restart = |doc: &&KeyDoc| !RELOADED.contains(&doc.path.as_str());
        let changed = docs.iter().filter(changed).filter(needs_restart);
        let need_restart = changed.map(|doc| doc.path.clone()).collect();
        Ok(Reloaded {
            log_filter: settings.log_filter,
            rules: settings.rules,
            need_restart,
        })
    }

    fn sources(&self) -> Result<Sources, Vec<Fault>> {
        let file = self
            .file
            .as_deref()
            .map(read_file)
            .transpose()
            .map_err(|fault| vec![fault])?;
        let (environment, flags) = (self.environment.clone(), self.flags.clone());
        Ok(Sources {
            file,
            environment,
            flags,
        })
    }
}

/// Reads the settings of a process: a file, if one is named, the environment, flags by key.
pub(crate) fn read(
    file: Option<&Path>,
    environment: impl Iterator<Item = (String, String)>,
    flags: BTreeMap<&'static str, (&'static str, String)>,
) -> Result<(Settings, Start), Vec<Fault>> {
    let environment = environment
        .filter(|(name, _)| name.starts_with("WEFT_"))
        .collect();
    let file = file.map(Path::to_owned);
    let mut start = Start {
        file,
        environment,
        flags,
        in_force: BTreeMap::new(),
    };
    let (docs, checked) = check(&start.sources()?);
    start.in_force = docs.into_iter().map(|doc| (doc.path, doc.value)).collect();
    Ok((checked?, start))
}

/// Checks a file alone and returns every fault in it.
pub(crate) fn check_file(path: &Path) -> Vec<Fault> {
    match read_file(path) {
        Ok(tree) => {
            let sources = Sources {
                file: Some(tree),
                ..Sources::default()
            };
            check(&sources).1.err().unwrap_or_default()
        }
        Err(fault) => vec![fault],
    }
}

/// Returns a description of every key.
#[cfg(test)]
pub(crate) fn describe() -> Vec<KeyDoc> {
    check(&Sources::default()).0
}

fn read_file(path: &Path) -> Result<Tree, Fault> {
    let fault = |what| Fault {
        key: path.display().to_string(),
        what,
    };
    let text = std::fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
    Tree::parse(&text).map_err(fault)
}

fn check(sources: &Sources) -> (Vec<KeyDoc>, Checked) {
    let mut reader = Reader::new(sources);
    let data = PathBuf::from(reader.text(key(
        "data",
        "weft-data",
        "The directory that holds everything weft keeps.",
    )));
    let mut settings = Settings {
        admin: address(
            &mut reader,
            key(
                "admin.listen",
                "127.0.0.1:7701",
                "Where /metrics, /-/healthy and /-/ready of the process are served.",
            ),
        ),
        log_filter: reader.text(key(
            "log.filter",
            "info",
            "What is logged: error, warn, info, debug, or a list such as info,weft_link=debug.",
        )),
        log_format: log_format(&mut reader),
        is_listen_set: reader.is_set("collector.listen"),
        agent: agent::read(&mut reader, &data),
        collector: collector::read(&mut reader, &data),
        aggregator: aggregator::read(&mut reader, &data),
        rules: aggregator::rules(&mut reader),
        data,
    };
    if let Some(host) = &settings.agent.host {
        settings.aggregator.scrape_interval = host.interval;
    }
    let (docs, faults) = reader.finish();
    (
        docs,
        if faults.is_empty() {
            Ok(settings)
        } else {
            Err(faults)
        },
    )
}

fn log_format(reader: &mut Reader<'_>) -> Format {
    let about = "How it is logged: text for people, logfmt for machines.";
    reader.value(
        key("log.format", "text", about),
        "text or logfmt",
        |text| match text {
            "text" => Some(Format::Text),
            "logfmt" => Some(Format::Logfmt),
            _ => None,
        },
    )
}

/// Returns an address to listen on; a host name is looked up once.
fn address(reader: &mut Reader<'_>, key: Key) -> SocketAddr {
    reader.value(key, "an address such as 127.0.0.1:7700", |text| {
        text.to_socket_addrs().ok()?.next()
    })
}

/// Returns labels, and notes those that are none.
fn labels(reader: &mut Reader<'_>, key: Key) -> Vec<(String, String)> {
    let pairs = reader.pairs(key);
    for (name, _) in &pairs {
        let first = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !first || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            reader.fault(
                format!("{}.{name}", key.path),
                "is not the name of a label".to_owned(),
            );
        }
    }
    pairs
}

/// Returns a number of bytes as this machine counts its memory.
fn memory(reader: &mut Reader<'_>, key: Key) -> usize {
    usize::try_from(reader.bytes(key)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
