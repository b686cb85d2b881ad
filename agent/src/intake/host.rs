//! What the kernel says of this machine, under node_exporter's names.
//!
//! In: files under `/proc` and `/sys` that stay open. Out: a [`Frame`] per tick, with `up`,
//! `scrape_*` and the fate of each sampler in it. Bound: a tick waits for slow mounts and drivers
//! no longer than the configured deadline. Timex is left out: it needs a system call that no safe
//! interface offers here.

mod arp;
mod clock;
mod conntrack;
mod cpu;
mod disk;
mod filesystem;
mod identity;
mod interface;
mod kept;
mod load;
mod memory;
mod netstat;
mod network;
mod pressure;
mod quarantine;
mod recorder;
mod sampler;
mod schedstat;
mod scrape;
mod sockstat;
mod softnet;
mod system;
mod table;
mod text;
mod thread;
mod values;
mod vmstat;

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use weft_model::{LabelsBuilder, Millis};

pub(crate) use self::recorder::{Frame, SeriesInfo};
pub(crate) use self::sampler::SampleError;
pub(crate) use self::thread::{TickSink, Ticks};

use self::filesystem::Filesystem;
use self::recorder::Recorder;
use self::sampler::{Sampler, Tick};
use self::scrape::Scrape;
use self::values::Values;
use crate::config::HostConfig;

/// All samplers of one machine.
pub(crate) struct Host {
    samplers: Vec<Box<dyn Sampler>>,
    scrape: Scrape,
    recorder: Recorder,
    buffer: Vec<u8>,
    report: TickReport,
}

/// How a tick went.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TickReport {
    /// How long it took.
    pub took: Duration,
    /// Series with a value.
    pub samples: usize,
    /// Series that were not there in the tick before.
    pub added: u64,
    /// Values dropped so far because there are too many series.
    pub refused: u64,
    /// Collectors that failed, by name; those whose kernel file does not exist are not told.
    pub failing: Vec<&'static str>,
}

impl Host {
    /// Returns the samplers of the machine that `config` describes, as the instance `name`.
    pub(crate) fn new(config: &HostConfig, name: &str) -> Host {
        let mounts = Filesystem::new(&config.roots, config.mount_deadline);
        Host::with_filesystem(config, name, mounts)
    }

    fn with_filesystem(config: &HostConfig, name: &str, mounts: Filesystem) -> Host {
        let mut common = LabelsBuilder::new();
        common.set("job", &config.job).set("instance", name);
        for (label, value) in &config.labels {
            common.set(label, value);
        }
        let mut samplers = samplers(config);
        samplers.push(Box::new(mounts));
        samplers.retain(|sampler| !config.disabled.iter().any(|name| name == sampler.name()));
        Host {
            scrape: Scrape::new(samplers.iter().map(|sampler| sampler.name())),
            samplers,
            recorder: Recorder::new(common, config.series_max),
            buffer: Vec::new(),
            report: TickReport::default(),
        }
    }

    /// Measures everything once.
    pub(crate) fn tick(&mut self, time: Millis) -> (Frame<'_>, &TickReport) {
        let begun = Instant::now();
        self.recorder.begin();
        self.report.failing.clear();
        for (at, sampler) in self.samplers.iter_mut().enumerate() {
            let sampler_begun = Instant::now();
            let mut tick = Tick {
                time,
                out: &mut self.recorder,
                buffer: &mut self.buffer,
            };
            let result = sampler.sample(&mut tick);
            sampler.sweep(&mut self.recorder);
            if matches!(result, Err(ref error) if !matches!(error, SampleError::Absent { .. })) {
                self.report.failing.push(sampler.name());
            }
            self.scrape
                .note(&mut self.recorder, at, sampler_begun.elapsed(), result);
        }
        self.report.took = begun.elapsed();
        self.report.added = self.recorder.defined();
        self.report.refused = self.recorder.refused();
        self.report.samples = self.recorder.values();
        self.scrape.finish(&mut self.recorder, &self.report);
        (self.recorder.finish(time), &self.report)
    }

    /// Ends all series, for when the agent stops.
    pub(crate) fn end(&mut self, time: Millis) -> Frame<'_> {
        self.recorder.end_all(time)
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.samplers.iter().map(|sampler| sampler.name()).collect();
        f.debug_struct("Host")
            .field("samplers", &names)
            .finish_non_exhaustive()
    }
}

/// Returns the samplers in the order of a tick: what is quick to read first.
fn samplers(config: &HostConfig) -> Vec<Box<dyn Sampler>> {
    let roots = &config.roots;
    vec![
        Box::new(clock::Time::new(roots)),
        Box::new(cpu::Cpu::new(roots)),
        Box::new(system::System::new(roots)),
        Box::new(load::Load::new(roots)),
        Box::new(memory::Memory::new(roots)),
        Box::new(vmstat::Vmstat::new(roots)),
        Box::new(pressure::Pressure::new(roots)),
        Box::new(schedstat::Schedstat::new(roots)),
        Box::new(disk::Disk::new(roots)),
        Box::new(network::Network::new(roots)),
        Box::new(netstat::Netstat::new(roots)),
        Box::new(sockstat::Sockstat::new(roots, rustix::param::page_size())),
        Box::new(softnet::Softnet::new(roots)),
        Box::new(arp::Arp::new(roots)),
        Box::new(conntrack::Conntrack::new(roots)),
        Box::new(Values::filefd(roots)),
        Box::new(Values::entropy(roots)),
        Box::new(Values::hung_tasks(roots)),
        Box::new(identity::Uname::new(roots)),
        Box::new(identity::Build::default()),
        Box::new(interface::Interface::new(roots, config.mount_deadline)),
    ]
}
