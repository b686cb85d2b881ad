//! Snapshots: the parts of a moment under second names, in a directory that opens as a store.

use std::path::Path;

use super::open::part_path;
use super::{Inner, Tsdb};
use crate::deletion;
use crate::error::WriteError;
use crate::side_files::{self, EXEMPLARS_FILE, METADATA_FILE};

impl Tsdb {
    /// Links all parts into `dir`, which is made if it is missing and must lie in the same file
    /// system, and copies the small files. Samples that are in no part are not in the snapshot:
    /// flush first. Returns the number of parts.
    pub fn snapshot(&self, dir: &Path) -> Result<usize, WriteError> {
        let maintenance = self.inner.maintenance();
        let disk = &*self.inner.disk;
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| WriteError::io(path, source)
        };
        disk.create_dir(dir).map_err(failed(dir))?;
        let view = self.inner.views.present();
        for served in &view.parts {
            let path = part_path(dir, served.part.number());
            disk.link(&served.part.path, &path).map_err(failed(&path))?;
        }
        for name in [METADATA_FILE, EXEMPLARS_FILE, deletion::FILE] {
            let path = self.inner.dir.join(name);
            if disk.exists(&path) {
                let content = disk.read(&path).map_err(failed(&path))?;
                disk.write_atomic(&dir.join(name), &content)
                    .map_err(failed(&path))?;
            }
        }
        disk.sync_dir(dir).map_err(failed(dir))?;
        drop(maintenance);
        Ok(view.parts.len())
    }
}

impl Inner {
    /// Writes metadata and exemplars that no file has.
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
        let changed = {
            let mut kept = self.exemplars_kept();
            std::mem::take(&mut kept.changed).then(|| kept.ring.clone())
        };
        if let Some(exemplars) = changed {
            side_files::store_exemplars(disk, &self.dir, &exemplars).map_err(|e| {
                self.exemplars_kept().changed = true;
                WriteError::io(self.dir.join(EXEMPLARS_FILE), e)
            })?;
        }
        Ok(())
    }
}
