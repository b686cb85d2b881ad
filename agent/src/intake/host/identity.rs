//! What the machine and this agent are: kernel, names, version.

use weft_model::MetricKind;

use super::kept::KeptFile;
use super::recorder::{Recorder, Series};
use super::sampler::{SampleError, Sampler, Tick, read};
use crate::config::Roots;

const UNAME: &str = "node_uname_info";
const UNAME_HELP: &str = "Labeled system information as provided by the uname system call.";

/// The label of each file.
const FILES: [(&str, &str); 5] = [
    ("sysname", "ostype"),
    ("release", "osrelease"),
    ("version", "version"),
    ("nodename", "hostname"),
    ("domainname", "domainname"),
];

/// Samples the names of the machine.
#[derive(Debug)]
pub(super) struct Uname {
    files: Vec<KeptFile>,
    machine: KeptFile,
    last: Vec<String>,
    series: Option<Series>,
}

impl Uname {
    /// Returns the sampler of the machine under `roots`.
    pub(super) fn new(roots: &Roots) -> Uname {
        let file = |name: &str| KeptFile::new(roots.proc.join("sys/kernel").join(name));
        Uname {
            files: FILES.iter().map(|(_, name)| file(name)).collect(),
            machine: file("arch"),
            last: Vec::new(),
            series: None,
        }
    }
}

impl Sampler for Uname {
    fn name(&self) -> &'static str {
        "uname"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) -> Result<(), SampleError> {
        let mut now = Vec::with_capacity(FILES.len() + 1);
        for file in &mut self.files {
            now.push(line_of(read(file, tick.buffer)?));
        }
        // Kernels before 6.1 do not show it as a file.
        now.push(match read(&mut self.machine, tick.buffer) {
            Ok(text) => line_of(text),
            Err(_) => rustix::system::uname()
                .machine()
                .to_string_lossy()
                .into_owned(),
        });
        if now != self.last {
            let names = FILES.iter().map(|(label, _)| *label).chain(["machine"]);
            let labels: Vec<_> = names.zip(now.iter().map(String::as_str)).collect();
            let series = tick
                .out
                .define(UNAME, MetricKind::Gauge, UNAME_HELP, &labels);
            if let Some(old) = self.series.replace(series) {
                tick.out.retire(old);
            }
            self.last = now;
        }
        if let Some(series) = &self.series {
            tick.out.set(series, 1.0);
        }
        Ok(())
    }

    fn sweep(&mut self, _: &mut Recorder) {}
}

fn line_of(text: &[u8]) -> String {
    String::from_utf8_lossy(text.trim_ascii()).into_owned()
}

/// Tells which agent this is; node dashboards look for the second of its names.
#[derive(Debug, Default)]
pub(super) struct Build {
    series: Vec<Series>,
}

impl Sampler for Build {
    fn name(&self) -> &'static str {
        "build"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) -> Result<(), SampleError> {
        if self.series.is_empty() {
            let labels = [
                ("version", env!("CARGO_PKG_VERSION")),
                ("goos", std::env::consts::OS),
            ];
            let help = "A metric with a constant '1' value labeled by the version of the agent.";
            for name in ["weft_build_info", "node_exporter_build_info"] {
                self.series
                    .push(tick.out.define(name, MetricKind::Gauge, help, &labels));
            }
        }
        self.series
            .iter()
            .for_each(|series| tick.out.set(series, 1.0));
        Ok(())
    }

    fn sweep(&mut self, _: &mut Recorder) {}
}
