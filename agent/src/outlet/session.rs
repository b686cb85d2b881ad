//! The sessions of this process: in which its batches are numbered.
//!
//! In: the state directory. Out: for metrics one session for as long as the spool lives, with a
//! count of the processes that used it; for logs a new session for each process, since log batches
//! are cut anew after a restart and told apart by their offsets.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use weft_disk::Disk;
use weft_model::SessionId;

/// Starts after which a session is given up, so that dictionaries can be numbered within it.
const EPOCHS_MAX: u32 = 0xffff;

/// How many dictionaries a process may number, as a power of two.
const DICTIONARIES_BITS: u32 = 16;

/// The sessions of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sessions {
    /// The session of metrics.
    pub(crate) metrics: SessionId,
    /// Counts the processes of the session of metrics, from 1.
    pub(crate) epoch: u32,
    /// The session of logs.
    pub(crate) logs: SessionId,
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    /// The file cannot be read or written.
    #[error("keep session in {}", path.display())]
    Keep {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// There is no randomness.
    #[error("make session id")]
    Random(#[source] io::Error),
}

impl Sessions {
    /// Reads the session of metrics in `dir`, beside the spool that it numbers, and counts one
    /// more process; makes a session where there is none.
    pub(crate) fn begin(disk: &dyn Disk, dir: &Path) -> Result<Sessions, SessionError> {
        let path = dir.join("session");
        let keep = |source| SessionError::Keep {
            path: path.clone(),
            source,
        };
        let known = if disk.exists(&path) {
            parse(&disk.read(&path).map_err(keep)?)
        } else {
            None
        };
        let (metrics, epoch) = match known {
            Some((session, epoch)) if epoch < EPOCHS_MAX => (session, epoch + 1),
            _ => (random_session()?, 1),
        };
        let text = format!("{metrics} {epoch}\n");
        disk.create_dir(dir)
            .and_then(|()| disk.write_atomic(&path, text.as_bytes()))
            .map_err(keep)?;
        Ok(Sessions {
            metrics,
            epoch,
            logs: random_session()?,
        })
    }

    /// Returns the first number of a dictionary of this process.
    pub(crate) fn first_dictionary(&self) -> u32 {
        self.epoch << DICTIONARIES_BITS
    }
}

/// Reads `<32 hexadecimal digits> <decimal>`; a file that says something else counts as none.
fn parse(bytes: &[u8]) -> Option<(SessionId, u32)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (session, epoch) = text.trim().split_once(' ')?;
    Some((
        SessionId(u128::from_str_radix(session, 16).ok()?),
        epoch.parse().ok()?,
    ))
}

fn random_session() -> Result<SessionId, SessionError> {
    let mut bytes = [0; 16];
    let read = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(SessionError::Random)?;
    Ok(SessionId(u128::from_le_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use weft_disk::SimDisk;

    use super::*;

    #[test]
    fn a_session_of_metrics_outlives_its_process_and_one_of_logs_does_not() {
        let disk = SimDisk::new();
        let dir = Path::new("/spool");
        let first = Sessions::begin(&disk, dir).unwrap();
        let second = Sessions::begin(&disk, dir).unwrap();
        assert_eq!((first.epoch, second.epoch), (1, 2));
        assert_eq!(first.metrics, second.metrics);
        assert_ne!(first.logs, second.logs);
        assert!(second.first_dictionary() > first.first_dictionary());
    }

    #[test]
    fn a_worn_out_or_damaged_session_is_replaced() {
        for text in ["", "garbage", "00 65535", "zz 1"] {
            let disk = SimDisk::new();
            let dir = Path::new("/spool");
            disk.create_dir(dir).unwrap();
            disk.write_atomic(&dir.join("session"), text.as_bytes())
                .unwrap();
            assert_eq!(Sessions::begin(&disk, dir).unwrap().epoch, 1, "{text}");
        }
    }
}
