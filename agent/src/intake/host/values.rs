//! Small files with a few numbers: open files, entropy, and the like.

use super::kept::KeptFile;
use super::recorder::Recorder;
use super::sampler::{SampleError, Sampler, Tick, malformed, read};
use super::table::{Column, Table, gauge};
use super::text::{fields, number};
use crate::config::Roots;

static FILEFD: [Column; 2] = [
    gauge(
        "node_filefd_allocated",
        "File descriptor statistics: allocated.",
    ),
    gauge(
        "node_filefd_maximum",
        "File descriptor statistics: maximum.",
    ),
];

static ENTROPY: [Column; 2] = [
    gauge("node_entropy_available_bits", "Bits of available entropy."),
    gauge("node_entropy_pool_size_bits", "Bits of entropy pool."),
];

static HUNG_TASKS: [Column; 1] = [gauge(
    "node_kernel_hung_tasks",
    "Number of tasks found hung since boot.",
)];

/// Samples numbers that stand alone in small files.
#[derive(Debug)]
pub(super) struct Values {
    name: &'static str,
    /// For each column its file, and which of the numbers in it.
    sources: Vec<(KeptFile, usize)>,
    table: Table,
}

impl Values {
    /// Returns the sampler of open files.
    pub(super) fn filefd(roots: &Roots) -> Values {
        let path = "sys/fs/file-nr";
        Values::new(roots, "filefd", &FILEFD, &[(path, 0), (path, 2)])
    }

    /// Returns the sampler of the random number generator's pool.
    pub(super) fn entropy(roots: &Roots) -> Values {
        let sources = [
            ("sys/kernel/random/entropy_avail", 0),
            ("sys/kernel/random/poolsize", 0),
        ];
        Values::new(roots, "entropy", &ENTROPY, &sources)
    }

    /// Returns the sampler of hung tasks, which kernels count since 6.13.
    pub(super) fn hung_tasks(roots: &Roots) -> Values {
        Values::new(
            roots,
            "kernel_hung",
            &HUNG_TASKS,
            &[("sys/kernel/hung_task_detect_count", 0)],
        )
    }

    fn new(
        roots: &Roots,
        name: &'static str,
        columns: &'static [Column],
        sources: &[(&str, usize)],
    ) -> Values {
        let file = |(path, at): &(&str, usize)| (KeptFile::new(roots.proc.join(path)), *at);
        Values {
            name,
            sources: sources.iter().map(file).collect(),
            table: Table::new(columns, &[]),
        }
    }
}

impl Sampler for Values {
    fn name(&self) -> &'static str {
        self.name
    }

    fn sample(&mut self, tick: &mut Tick<'_>) -> Result<(), SampleError> {
        let mut values = [None; 2];
        for (value, (file, at)) in values.iter_mut().zip(&mut self.sources) {
            let text = read(file, tick.buffer)?;
            *value = fields(text).nth(*at).and_then(number);
            if value.is_none() {
                return Err(malformed(file));
            }
        }
        self.table.set(tick.out, &[], values);
        Ok(())
    }

    fn sweep(&mut self, out: &mut Recorder) {
        self.table.sweep(out);
    }
}
