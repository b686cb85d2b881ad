//! Reading a journal: its durable records in order, past damage.
//!
//! In: where to begin, and which kinds of records are of interest. Out: the records, to a visitor,
//! and a report. Bound: that of the segment reader; the visitor may break off and go on later.

use std::io;
use std::ops::ControlFlow;

use crate::error::ReplayError;
use crate::journal::Journal;
use crate::reader::{Interest, Record, ReplayReport, SegmentReader, Step};
use crate::{Position, segment};

impl Journal {
    /// Visits the durable records from `from` on, in order, until `visit` breaks off. What is no
    /// record is skipped and reported; [`Position::default`] begins with the oldest record.
    pub fn replay(
        &self,
        from: Position,
        visit: impl FnMut(Record<'_>) -> ControlFlow<()>,
    ) -> Result<ReplayReport, ReplayError> {
        self.visit(from, Interest::All, visit)
    }

    /// Does what [`Journal::replay`] does for the records of one kind; the payloads of others are
    /// neither read nor checked.
    pub fn replay_only(
        &self,
        kind: u8,
        from: Position,
        visit: impl FnMut(Record<'_>) -> ControlFlow<()>,
    ) -> Result<ReplayReport, ReplayError> {
        self.visit(from, Interest::Kind(kind), visit)
    }

    fn visit(
        &self,
        from: Position,
        interest: Interest,
        mut visit: impl FnMut(Record<'_>) -> ControlFlow<()>,
    ) -> Result<ReplayReport, ReplayError> {
        let (segments, durable) = self.readable();
        let mut report = ReplayReport {
            end: from,
            ..ReplayReport::default()
        };
        if from >= durable {
            return Ok(report);
        }
        let oldest = segments.keys().next().copied().unwrap_or(durable.segment);
        let mut expected = if from.segment == 0 {
            oldest
        } else {
            from.segment
        };
        for (number, bytes) in segments.range(from.segment..=durable.segment) {
            report.damage.segments_missing += number - expected;
            expected = number + 1;
            let first = Position::new(*number, segment::HEADER_BYTES as u64).max(from);
            let end = if *number == durable.segment {
                durable.offset
            } else {
                *bytes
            };
            let Some(reader) = self.open_segment(first, end, interest)? else {
                continue;
            };
            if visit_segment(reader, &mut report, &mut visit)
                .map_err(|source| self.unread(*number, source))?
                .is_break()
            {
                return Ok(report);
            }
        }
        report.end = durable;
        Ok(report)
    }

    /// Opens a segment; nothing when it was trimmed since the list was made.
    fn open_segment(
        &self,
        first: Position,
        end: u64,
        interest: Interest,
    ) -> Result<Option<SegmentReader>, ReplayError> {
        match self.disk.open(&segment::path(&self.dir, first.segment)) {
            Ok(file) => Ok(Some(SegmentReader::new(file, first, end, interest))),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(self.unread(first.segment, source)),
        }
    }

    fn unread(&self, number: u64, source: io::Error) -> ReplayError {
        let path = segment::path(&self.dir, number);
        ReplayError { path, source }
    }
}

fn visit_segment(
    mut reader: SegmentReader,
    report: &mut ReplayReport,
    visit: &mut impl FnMut(Record<'_>) -> ControlFlow<()>,
) -> io::Result<ControlFlow<()>> {
    loop {
        match reader.step()? {
            Step::End => return Ok(ControlFlow::Continue(())),
            Step::Passed => {}
            Step::Damage(bytes) => {
                report.damage.runs += 1;
                report.damage.bytes += bytes;
            }
            Step::Record(record) => {
                report.records += 1;
                report.end = record.next;
                if visit(record).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
    }
}
