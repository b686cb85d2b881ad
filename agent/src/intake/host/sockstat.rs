//! Sockets in use, from `sockstat` and `sockstat6`.

use weft_model::MetricKind;

use super::kept::KeptFile;
use super::recorder::Recorder;
use super::sampler::{SampleError, Sampler, Tick, read};
use super::table::Names;
use super::text::{fields, key_value, lines, unsigned};
use crate::config::Roots;

/// Samples sockets in use.
#[derive(Debug)]
pub(super) struct Sockstat {
    files: [KeptFile; 2],
    names: Names,
    key: Vec<u8>,
    page_bytes: f64,
}

impl Sockstat {
    /// Returns the sampler of the machine under `roots`, whose pages have `page_bytes`.
    pub(super) fn new(roots: &Roots, page_bytes: usize) -> Sockstat {
        let file = |name: &str| KeptFile::new(roots.proc.join("net").join(name));
        Sockstat {
            files: [file("sockstat"), file("sockstat6")],
            names: Names::default(),
            key: Vec::new(),
            page_bytes: page_bytes as f64,
        }
    }

    fn set(&mut self, out: &mut Recorder, (protocol, field): (&[u8], &[u8]), value: f64) {
        self.key.clear();
        for part in [protocol, b"_", field] {
            self.key.extend_from_slice(part);
        }
        let key = &self.key;
        self.names.set(out, key, value, || {
            let protocol = std::str::from_utf8(protocol).ok()?;
            let field = std::str::from_utf8(field).ok()?;
            let help = format!("Number of {protocol} sockets in state {field}.");
            Some((
                format!("node_sockstat_{protocol}_{field}"),
                MetricKind::Gauge,
                help,
            ))
        });
    }

    fn set_line(&mut self, out: &mut Recorder, protocol: &[u8], rest: &[u8]) {
        let mut words = fields(rest);
        while let (Some(field), Some(value)) = (words.next(), words.next()) {
            let Some(value) = unsigned(value) else {
                continue;
            };
            self.set(out, (protocol, field), value as f64);
            // The kernel counts the memory of sockets in pages.
            if field == b"mem" {
                self.set(
                    out,
                    (protocol, b"mem_bytes"),
                    value as f64 * self.page_bytes,
                );
            }
        }
    }
}

impl Sampler for Sockstat {
    fn name(&self) -> &'static str {
        "sockstat"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) -> Result<(), SampleError> {
        for at in 0..self.files.len() {
            let text = match read(&mut self.files[at], tick.buffer) {
                Ok(text) => text,
                // Without IPv6 there is no second file.
                Err(SampleError::Absent { .. }) if at > 0 => continue,
                Err(error) => return Err(error),
            };
            for line in lines(text) {
                if let Some((protocol, rest)) = key_value(line) {
                    self.set_line(tick.out, protocol, rest);
                }
            }
        }
        Ok(())
    }

    fn sweep(&mut self, out: &mut Recorder) {
        self.names.sweep(out);
    }
}
