//! All fields of `meminfo`, under node_exporter's names.

use weft_model::MetricKind;

use super::kept::KeptFile;
use super::recorder::Recorder;
use super::sampler::{SampleError, Sampler, Tick, read};
use super::table::Names;
use super::text::{fields, key_value, lines, unsigned};
use crate::config::Roots;

/// Samples memory.
#[derive(Debug)]
pub(super) struct Memory {
    meminfo: KeptFile,
    names: Names,
}

impl Memory {
    /// Returns the sampler of the machine under `roots`.
    pub(super) fn new(roots: &Roots) -> Memory {
        Memory {
            meminfo: KeptFile::new(roots.proc.join("meminfo")),
            names: Names::default(),
        }
    }
}

impl Sampler for Memory {
    fn name(&self) -> &'static str {
        "meminfo"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) -> Result<(), SampleError> {
        let text = read(&mut self.meminfo, tick.buffer)?;
        for line in lines(text) {
            let Some((key, rest)) = key_value(line) else {
                continue;
            };
            let mut words = fields(rest);
            let Some(value) = words.next().and_then(unsigned) else {
                continue;
            };
            let in_kibibytes = words.next() == Some(b"kB");
            let value = if in_kibibytes {
                value as f64 * 1024.0
            } else {
                value as f64
            };
            self.names
                .set(tick.out, key, value, || describe(key, in_kibibytes));
        }
        Ok(())
    }

    fn sweep(&mut self, out: &mut Recorder) {
        self.names.sweep(out);
    }
}

/// `Active(anon)` in kB becomes `node_memory_Active_anon_bytes`.
fn describe(key: &[u8], in_kibibytes: bool) -> Option<(String, MetricKind, String)> {
    let field = std::str::from_utf8(key)
        .ok()?
        .replace('(', "_")
        .replace(')', "");
    let name = format!(
        "node_memory_{field}{}",
        if in_kibibytes { "_bytes" } else { "" }
    );
    let help = format!("Memory information field {field}.");
    Some((name, MetricKind::Gauge, help))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(key: &str, in_kibibytes: bool, name: &str) {
        let (told, ..) = describe(key.as_bytes(), in_kibibytes).unwrap();
        assert_eq!(told, name);
    }

    #[test]
    fn fields_are_named_as_node_exporter_names_them() {
        check("MemTotal", true, "node_memory_MemTotal_bytes");
        check("Active(anon)", true, "node_memory_Active_anon_bytes");
        check("HugePages_Total", false, "node_memory_HugePages_Total");
    }
}
