//! Space of the mounted file systems.
//!
//! In: `1/mountinfo` and `statvfs` of each mount, on quarantine threads. Out: `node_filesystem_*`.
//! Bound: the deadline of a tick; a mount that does not answer for [`STUCK_AFTER`] is reported with
//! a `device_error` until it answers.

mod mounts;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use self::mounts::{Mount, parse};
use super::kept::KeptFile;
use super::quarantine::{Answer, Quarantine};
use super::recorder::Recorder;
use super::sampler::{SampleError, Sampler, Tick, read};
use super::table::{Column, Table, gauge};
use crate::config::Roots;

/// How long a mount may owe an answer before it counts as stuck.
pub(super) const STUCK_AFTER: Duration = Duration::from_secs(5);

/// Threads that may hang at once in mounts that do not answer.
const THREADS_MAX: usize = 8;

const STUCK: &str = "mountpoint timeout";

static COLUMNS: [Column; 7] = [
    gauge("node_filesystem_size_bytes", "Filesystem size in bytes."),
    gauge(
        "node_filesystem_free_bytes",
        "Filesystem free space in bytes.",
    ),
    gauge(
        "node_filesystem_avail_bytes",
        "Filesystem space available to non-root users in bytes.",
    ),
    gauge("node_filesystem_files", "Filesystem total file nodes."),
    gauge(
        "node_filesystem_files_free",
        "Filesystem total free file nodes.",
    ),
    gauge("node_filesystem_readonly", "Filesystem read-only status."),
    gauge(
        "node_filesystem_device_error",
        "Whether an error occurred while getting statistics for the given device.",
    ),
];
const LABELS: [&str; 4] = ["device", "fstype", "mountpoint", "device_error"];

/// What a file system holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Usage {
    /// Bytes in all.
    pub size: u64,
    /// Bytes that are free.
    pub free: u64,
    /// Bytes that are free for other users than root.
    pub available: u64,
    /// File nodes in all.
    pub files: u64,
    /// File nodes that are free.
    pub files_free: u64,
}

/// Samples the mounted file systems.
#[derive(Debug)]
pub(super) struct Filesystem {
    mountinfo: [KeptFile; 2],
    root: PathBuf,
    deadline: Duration,
    quarantine: Quarantine<io::Result<Usage>>,
    table: Table,
    /// The table of mounts as last read, and what it says.
    last: Vec<u8>,
    mounts: Vec<Mount>,
    paths: Vec<PathBuf>,
}

impl Filesystem {
    /// Returns the sampler of the machine under `roots`, which waits for mounts until `deadline`.
    pub(super) fn new(roots: &Roots, deadline: Duration) -> Filesystem {
        Filesystem::with_usage(roots, deadline, usage)
    }

    /// Returns a sampler that learns the space of a mount from `usage`.
    pub(super) fn with_usage(
        roots: &Roots,
        deadline: Duration,
        usage: impl Fn(&Path) -> io::Result<Usage> + Send + Sync + 'static,
    ) -> Filesystem {
        let file = |name: &str| KeptFile::new(roots.proc.join(name));
        Filesystem {
            // That of process 1 is the host's; it cannot be read without the right to trace.
            mountinfo: [file("1/mountinfo"), file("self/mountinfo")],
            root: roots.root.clone(),
            deadline,
            quarantine: Quarantine::new("weft-mounts", THREADS_MAX, usage),
            table: Table::new(&COLUMNS, &LABELS),
            last: Vec::new(),
            mounts: Vec::new(),
            paths: Vec::new(),
        }
    }

    fn read_mounts(&mut self, buffer: &mut Vec<u8>) -> Result<(), SampleError> {
        let [of_init, of_self] = &mut self.mountinfo;
        let text = match read(of_init, buffer) {
            Ok(_) => read(of_init, buffer)?,
            Err(_) => read(of_self, buffer)?,
        };
        if text != self.last {
            text.clone_into(&mut self.last);
            self.mounts = parse(text);
            let below = |mount: &Mount| {
                let point = Path::new(&mount.point);
                self.root.join(point.strip_prefix("/").unwrap_or(point))
            };
            self.paths = self.mounts.iter().map(below).collect();
        }
        Ok(())
    }
}

impl Sampler for Filesystem {
    fn name(&self) -> &'static str {
        "filesystem"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) -> Result<(), SampleError> {
        self.read_mounts(tick.buffer)?;
        let (mounts, table) = (&self.mounts, &mut self.table);
        self.quarantine
            .ask(&self.paths, self.deadline, |at, answer| {
                set(table, tick.out, &mounts[at], &answer);
            });
        Ok(())
    }

    fn sweep(&mut self, out: &mut Recorder) {
        self.table.sweep(out);
    }
}

fn set(
    table: &mut Table,
    out: &mut Recorder,
    mount: &Mount,
    answer: &Answer<'_, io::Result<Usage>>,
) {
    let readonly = Some(f64::from(u8::from(mount.readonly)));
    let stuck = answer.owed.is_some_and(|owed| owed >= STUCK_AFTER);
    let (values, error) = match answer.value {
        _ if stuck => (
            [None, None, None, None, None, None, Some(1.0)],
            STUCK.to_owned(),
        ),
        Some(Ok(usage)) => {
            let space = [
                usage.size,
                usage.free,
                usage.available,
                usage.files,
                usage.files_free,
            ];
            let [size, free, available, files, files_free] = space.map(|n| Some(n as f64));
            (
                [
                    size,
                    free,
                    available,
                    files,
                    files_free,
                    readonly,
                    Some(0.0),
                ],
                String::new(),
            )
        }
        Some(Err(error)) => (
            [None, None, None, None, None, readonly, Some(1.0)],
            error_text(error),
        ),
        // Not answered yet for the first time: nothing is known.
        None => return,
    };
    let labels = [&mount.device, &mount.kind, &mount.point, &error].map(|text| text.as_bytes());
    table.set(out, &labels, values);
}

/// Returns what `strerror` says, without the number.
fn error_text(error: &io::Error) -> String {
    let text = error.to_string().to_lowercase();
    text.split(" (os error")
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn usage(path: &Path) -> io::Result<Usage> {
    let stat = rustix::fs::statvfs(path)?;
    Ok(Usage {
        size: stat.f_blocks.saturating_mul(stat.f_frsize),
        free: stat.f_bfree.saturating_mul(stat.f_frsize),
        available: stat.f_bavail.saturating_mul(stat.f_frsize),
        files: stat.f_files,
        files_free: stat.f_ffree,
    })
}
