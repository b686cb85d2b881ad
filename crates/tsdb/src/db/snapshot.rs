//! Snapshots: the parts of a moment under second names, in a directory that opens as a store.

use std::io;
use std::path::Path;

use super::open::part_path;
use super::{Inner, Tsdb};
use crate::deletion;
use crate::error::WriteError;
use crate::side_files::{self, EXEMPLARS_FILE, METADATA_FILE};

impl Tsdb {
    /// Links all parts into `dir`, which must not exist and must lie in the same file system, and
    /// copies the small files. Samples that are in no part are not in the snapshot: flush first.
    /// Returns the number of parts. The directory has its name only when all of it is durable.
    pub fn snapshot(&self, dir: &Path) -> Result<usize, WriteError> {
        let maintenance = self.inner.maintenance();
        let disk = &*self.inner.disk;
        let failed = |source| WriteError::io(dir, source);
        if disk.exists(dir) {
            return Err(failed(io::ErrorKind::AlreadyExists.into()));
        }
        let mut unfinished = dir.as_os_str().to_owned();
        unfinished.push(".partial");
        let unfinished = Path::new(&unfinished);
        disk.remove_dir(unfinished).map_err(failed)?;
        let parts = self.inner.copy_into(unfinished).and_then(|parts| {
            disk.rename(unfinished, dir).map_err(failed)?;
            let above = dir.parent().unwrap_or(Path::new("."));
            disk.sync_dir(above).map_err(failed)?;
            Ok(parts)
        });
        drop(maintenance);
        // What cannot be removed now is removed by the next snapshot of this name.
        parts.inspect_err(|_| {
            let _ = disk.remove_dir(unfinished);
        })
    }
}

impl Inner {
    fn copy_into(&self, dir: &Path) -> Result<usize, WriteError> {
        let disk = &*self.disk;
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| WriteError::io(path, source)
        };
        disk.create_dir(dir).map_err(failed(dir))?;
        let view = self.views.present();
        for served in &view.parts {
            let path = part_path(dir, served.part.number());
            disk.link(&served.part.path, &path).map_err(failed(&path))?;
        }
        for name in [METADATA_FILE, EXEMPLARS_FILE, deletion::FILE] {
            let path = self.dir.join(name);
            if disk.exists(&path) {
                let content = disk.read(&path).map_err(failed(&path))?;
                disk.write_atomic(&dir.join(name), &content)
                    .map_err(failed(&path))?;
            }
        }
        disk.sync_dir(dir).map_err(failed(dir))?;
        Ok(view.parts.len())
    }

    /// Writes metadata that no file has.
    pub(super) fn write_side_files(&self) -> Result<(), WriteError> {
        let disk = &*self.disk;
        let changed = {
            let mut kept = self.metadata_kept();
            std::mem::take(&mut kept.changed).then(|| kept.by_metric.clone())
        };
        if let Some(metadata) = changed {
            side_files::store_metadata(disk, &self.dir, &metadata).map_err(|e| {
                self.metadata_kept().changed = true;
                WriteError::io(self.dir.join(METADATA_FILE), e)
            })?;
        }
        Ok(())
    }
}
