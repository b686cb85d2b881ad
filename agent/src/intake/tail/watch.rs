//! Changes in directories, as the kernel tells them.
//!
//! In: directories. Out: those in which a name appeared or went away. One instance serves all, and
//! files are not watched: a watch on a file that is written to slows its writer.
//! Bound: the kernel's limits on watches and queued events; beyond them everything is to be
//! scanned, which the caller does from time to time anyway.

use std::collections::{HashMap, HashSet};
use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init};
use rustix::io::Errno;

/// What happened since the last look.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// Directories in which names changed.
    pub(super) dirs: HashSet<PathBuf>,
    /// Whether events were lost, so that anything may have changed.
    pub(super) overflow: bool,
}

/// Watches directories.
#[derive(Debug)]
pub(super) struct Watcher {
    /// Nothing when the kernel grants no instance.
    inotify: Option<OwnedFd>,
    dirs: HashMap<i32, PathBuf>,
    watched: HashSet<PathBuf>,
    wake: Arc<OwnedFd>,
}

/// Wakes the thread that waits in [`Watcher::wait`].
#[derive(Clone, Debug)]
pub(crate) struct Waker(Arc<OwnedFd>);

impl Waker {
    /// Wakes the thread now, or the next time that it waits.
    pub(crate) fn wake(&self) {
        // The only failure is a counter that is full, and then the thread wakes as well.
        let _ = rustix::io::write(&*self.0, &1u64.to_ne_bytes());
    }
}

impl Watcher {
    /// Returns a watcher without directories.
    pub(super) fn new() -> io::Result<Watcher> {
        let inotify = match init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC) {
            Ok(inotify) => Some(inotify),
            Err(error) => {
                tracing::warn!(%error, "no events for directories, scanning them instead");
                None
            }
        };
        Ok(Watcher {
            inotify,
            dirs: HashMap::new(),
            watched: HashSet::new(),
            wake: Arc::new(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?),
        })
    }

    /// Returns what wakes the waiting thread.
    pub(super) fn waker(&self) -> Waker {
        Waker(Arc::clone(&self.wake))
    }

    /// Watches a directory, if it is not watched yet. Returns whether the watch is new: what
    /// appeared before it is known only from a scan after it.
    pub(super) fn watch(&mut self, dir: &Path) -> bool {
        let Some(inotify) = self
            .inotify
            .as_ref()
            .filter(|_| !self.watched.contains(dir))
        else {
            return false;
        };
        let events = WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::ONLYDIR;
        match add_watch(inotify, dir, events) {
            Ok(number) => {
                self.dirs.insert(number, dir.to_owned());
                self.watched.insert(dir.to_owned());
                true
            }
            Err(error) => {
                tracing::debug!(%error, dir = %dir.display(), "directory is not watched");
                false
            }
        }
    }

    /// Waits until something changes, the waker is used, or `timeout` is over.
    pub(super) fn wait(&mut self, timeout: Duration) -> io::Result<Changes> {
        let timeout = Timespec::try_from(timeout).map_err(io::Error::other)?;
        let mut fds = vec![PollFd::new(&*self.wake, PollFlags::IN)];
        fds.extend(self.inotify.iter().map(|fd| PollFd::new(fd, PollFlags::IN)));
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut count = [0; 8];
        // Nothing to read means that nobody woke us.
        let _ = rustix::io::read(&*self.wake, &mut count);
        self.changes()
    }

    fn changes(&mut self) -> io::Result<Changes> {
        let mut changes = Changes::default();
        let Some(inotify) = &self.inotify else {
            return Ok(changes);
        };
        let mut buffer = [MaybeUninit::uninit(); 16 * 1024];
        let mut events = Reader::new(inotify, &mut buffer);
        loop {
            let event = match events.next() {
                Ok(event) => event,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(changes),
                Err(error) => return Err(error.into()),
            };
            changes.overflow |= event.events().contains(ReadFlags::QUEUE_OVERFLOW);
            if event.events().contains(ReadFlags::IGNORED) {
                // The directory is gone; one of the same name may come back.
                if let Some(dir) = self.dirs.remove(&event.wd()) {
                    self.watched.remove(&dir);
                }
            } else if let Some(dir) = self.dirs.get(&event.wd()) {
                changes.dirs.insert(dir.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_name_that_appears_is_told_and_a_wake_ends_the_wait() {
        let dir = std::env::temp_dir().join(format!("weft-watch-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let mut watcher = Watcher::new().unwrap();
        assert!(watcher.watch(&dir));
        assert!(!watcher.watch(&dir));
        fs::write(dir.join("new"), b"").unwrap();
        let changes = watcher.wait(Duration::from_secs(5)).unwrap();
        assert!(changes.dirs.contains(&dir));
        fs::write(dir.join("new"), b"content").unwrap();
        let quiet = watcher.wait(Duration::ZERO).unwrap();
        assert_eq!(quiet, Changes::default());
        watcher.waker().wake();
        watcher.wait(Duration::from_secs(60)).unwrap();
        fs::remove_dir_all(&dir).unwrap();
        watcher.wait(Duration::from_secs(5)).unwrap();
        fs::create_dir_all(&dir).unwrap();
        assert!(watcher.watch(&dir));
        fs::remove_dir_all(&dir).unwrap();
    }
}
