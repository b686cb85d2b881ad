//! What every sampler is: a reader of some of the kernel's files, called once per tick.

use std::io::{self, ErrorKind};
use std::path::PathBuf;

use weft_model::Millis;

use super::kept::KeptFile;
use super::recorder::Recorder;

/// Measures one part of the machine.
pub(super) trait Sampler: Send {
    /// Returns the name of its collector, as node_exporter calls it.
    fn name(&self) -> &'static str;

    /// Measures, and sets the values in the recorder.
    fn sample(&mut self, tick: &mut Tick<'_>) -> Result<(), SampleError>;

    /// Gives back the series of what has gone; called after every [`Sampler::sample`].
    fn sweep(&mut self, out: &mut Recorder);
}

/// What a sampler works with during a tick.
#[derive(Debug)]
pub(super) struct Tick<'a> {
    /// The time of the tick.
    pub time: Millis,
    /// Where values go.
    pub out: &'a mut Recorder,
    /// Room to read a file into.
    pub buffer: &'a mut Vec<u8>,
}

/// Why a sampler has no values.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SampleError {
    /// This kernel has no such file: nothing to measure.
    #[error("find {}", path.display())]
    Absent {
        /// The file.
        path: PathBuf,
    },
    /// The file could not be read.
    #[error("read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// The file holds something else than expected.
    #[error("parse {}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
    },
}

/// Reads a whole file into `buffer`.
pub(super) fn read<'b>(
    file: &mut KeptFile,
    buffer: &'b mut Vec<u8>,
) -> Result<&'b [u8], SampleError> {
    match file.read(buffer) {
        Ok(text) => Ok(text),
        Err(source) => Err(failed(file, source)),
    }
}

/// Says that `file` holds something else than expected.
pub(super) fn malformed(file: &KeptFile) -> SampleError {
    SampleError::Parse {
        path: file.path().to_owned(),
    }
}

fn failed(file: &KeptFile, source: io::Error) -> SampleError {
    let path = file.path().to_owned();
    // Reading a file of a part of the kernel that is switched off gives EOPNOTSUPP.
    match source.kind() {
        ErrorKind::NotFound | ErrorKind::Unsupported => SampleError::Absent { path },
        _ => SampleError::Read { path, source },
    }
}
