//! Writes runs of records to their segments and makes them durable.
//!
//! In: runs in order. Out: how far all is durable. After an error nothing that was durable is
//! harmed, and the same runs can be written again at the same places: a failed fdatasync may have
//! forgotten them, so they are never assumed to be written.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use weft_disk::{Disk, File};

use crate::pending::Run;
use crate::{Position, segment};

#[derive(Debug)]
pub(crate) struct Writer {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    current: Option<(u64, Box<dyn File>)>,
    /// The bytes of the last run written, to be used again.
    written: Vec<u8>,
}

impl Writer {
    pub(crate) fn new(disk: Arc<dyn Disk>, dir: PathBuf) -> Writer {
        Writer {
            disk,
            dir,
            current: None,
            written: Vec::new(),
        }
    }

    /// Returns the room of the last run written.
    pub(crate) fn take_room(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.written)
    }

    /// Writes and syncs the runs in front, segment by segment, and removes them when they are
    /// durable. Returns the end of the last durable run, and what stopped the others.
    pub(crate) fn write(&mut self, runs: &mut VecDeque<Run>) -> (Option<Position>, io::Result<()>) {
        let mut durable = None;
        while let Some(first) = runs.front() {
            let number = first.start.segment;
            let same = runs
                .iter()
                .take_while(|run| run.start.segment == number)
                .count();
            if let Err(e) = self.write_segment(number, runs.iter().take(same)) {
                self.current = None;
                return (durable, Err(e));
            }
            for run in runs.drain(..same) {
                durable = Some(run.end());
                self.written = run.bytes;
            }
        }
        (durable, Ok(()))
    }

    fn write_segment<'a>(
        &mut self,
        number: u64,
        runs: impl Iterator<Item = &'a Run>,
    ) -> io::Result<()> {
        let mut runs = runs.peekable();
        let begins = |run: &&Run| run.start.offset == segment::HEADER_BYTES as u64;
        let is_new = runs.peek().is_some_and(begins);
        if is_new {
            self.create(number)?;
        }
        let file = self.file(number)?;
        for run in runs {
            file.write_at(run.start.offset, &run.bytes)?;
        }
        file.sync()?;
        if is_new {
            self.disk.sync_dir(&self.dir)?;
        }
        Ok(())
    }

    /// Makes the segment's file. One that is there already holds nothing durable, because its
    /// first record is about to be written.
    fn create(&mut self, number: u64) -> io::Result<()> {
        let file = self.disk.create(&segment::path(&self.dir, number))?;
        file.write_at(0, &segment::header(number))?;
        self.current = Some((number, file));
        Ok(())
    }

    fn file(&mut self, number: u64) -> io::Result<&dyn File> {
        if self
            .current
            .as_ref()
            .is_none_or(|(current, _)| *current != number)
        {
            let file = self.disk.open(&segment::path(&self.dir, number))?;
            self.current = Some((number, file));
        }
        let (_, file) = self.current.as_ref().expect("the segment was just opened");
        Ok(file.as_ref())
    }
}
