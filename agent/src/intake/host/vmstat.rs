//! The paging and out-of-memory counters of `vmstat`.

use weft_model::MetricKind;

use super::kept::KeptFile;
use super::recorder::Recorder;
use super::sampler::{SampleError, Sampler, Tick, read};
use super::table::Names;
use super::text::{lines, unsigned};
use crate::config::Roots;

/// Samples the virtual memory counters that node_exporter selects by default.
#[derive(Debug)]
pub(super) struct Vmstat {
    vmstat: KeptFile,
    names: Names,
}

impl Vmstat {
    /// Returns the sampler of the machine under `roots`.
    pub(super) fn new(roots: &Roots) -> Vmstat {
        Vmstat {
            vmstat: KeptFile::new(roots.proc.join("vmstat")),
            names: Names::default(),
        }
    }
}

impl Sampler for Vmstat {
    fn name(&self) -> &'static str {
        "vmstat"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) -> Result<(), SampleError> {
        let text = read(&mut self.vmstat, tick.buffer)?;
        for line in lines(text) {
            let Some(space) = memchr::memchr(b' ', line) else {
                continue;
            };
            let (key, value) = (&line[..space], &line[space + 1..]);
            if !is_selected(key) {
                continue;
            }
            let Some(value) = unsigned(value) else {
                continue;
            };
            self.names.set(tick.out, key, value as f64, || {
                let field = String::from_utf8_lossy(key);
                let help = format!("/proc/vmstat information field {field}.");
                Some((format!("node_vmstat_{field}"), MetricKind::Unknown, help))
            });
        }
        Ok(())
    }

    fn sweep(&mut self, out: &mut Recorder) {
        self.names.sweep(out);
    }
}

/// Tells whether `^(oom_kill|pgpg|pswp|pg.*fault).*` matches.
fn is_selected(key: &[u8]) -> bool {
    let page_fault = key
        .strip_prefix(b"pg")
        .is_some_and(|rest| memchr::memmem::find(rest, b"fault").is_some());
    page_fault
        || [&b"oom_kill"[..], b"pgpg", b"pswp"]
            .iter()
            .any(|start| key.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_selection_is_node_exporters() {
        for key in ["oom_kill", "pgpgin", "pswpout", "pgfault", "pgmajfault"] {
            assert!(is_selected(key.as_bytes()), "{key}");
        }
        for key in ["nr_free_pages", "pgalloc_normal", "fault", "numa_hit"] {
            assert!(!is_selected(key.as_bytes()), "{key}");
        }
    }
}
