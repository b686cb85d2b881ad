//! What was written is there after a restart, whatever happens to the end of the file.

use proptest::prelude::*;
use weft_disk::SimDisk;
use weft_model::Nanos;

use super::*;
use crate::intake::tail::position::OpenLine;
use crate::intake::tail::record::{Inside, Output};
use crate::intake::tail::segment::FileId;

const PATH: &str = "/state/positions";

fn disk() -> Arc<SimDisk> {
    let disk = SimDisk::new();
    disk.create_dir(Path::new("/state")).unwrap();
    Arc::new(disk)
}

fn state(id: u64, end: u64, done: bool) -> SegmentState {
    SegmentState {
        id,
        fingerprint: id ^ 0xff,
        generation: 3,
        file: FileId {
            device: 1,
            inode: id,
        },
        end,
        read_to: end,
        open: [None; 2],
        done,
    }
}

fn reopen(disk: &Arc<SimDisk>) -> Positions {
    Positions::open(Arc::<SimDisk>::clone(disk), Path::new(PATH))
        .unwrap()
        .0
}

#[test]
fn positions_survive_a_restart() {
    let disk = disk();
    let mut positions = reopen(&disk);
    let inside = Inside {
        output: Output::Stderr,
        time: Nanos(-5),
        partial: true,
    };
    let mut open = state(1, 10, false);
    open.open[1] = Some(OpenLine {
        start: 4,
        inside: Some(inside),
    });
    open.open[0] = Some(OpenLine {
        start: 7,
        inside: None,
    });
    positions.merge("a", vec![open.clone()]);
    positions.merge("b", vec![state(2, 20, true), state(3, 0, false)]);
    positions.merge("gone", vec![state(9, 1, true)]);
    positions.write().unwrap();
    positions.forget("gone");
    positions.write().unwrap();
    positions.sync().unwrap();
    let again = reopen(&disk);
    assert_eq!(again.stream("a"), [open.clone()]);
    assert_eq!((open.resume_at(), open.inside()), (4, Some(inside)));
    assert_eq!(again.stream("b"), [state(2, 20, true), state(3, 0, false)]);
    assert_eq!(again.identities().collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn a_damaged_end_costs_only_itself() {
    let disk = disk();
    let mut positions = reopen(&disk);
    for end in 1..=3 {
        positions.merge("a", vec![state(1, end, false)]);
        positions.write().unwrap();
    }
    let whole = disk.read(Path::new(PATH)).unwrap();
    let record = whole.len() / 3;
    for cut in [1, record - 1] {
        let damaged = &whole[..whole.len() - cut];
        disk.write_atomic(Path::new(PATH), damaged).unwrap();
        let (mut again, torn) =
            Positions::open(Arc::<SimDisk>::clone(&disk), Path::new(PATH)).unwrap();
        assert_eq!((again.stream("a")[0].end, torn), (2, (record - cut) as u64));
        again.merge("a", vec![state(1, 99, false)]);
        again.write().unwrap();
        assert_eq!(reopen(&disk).stream("a")[0].end, 99);
    }
}

#[test]
fn the_file_stays_small_and_so_does_what_is_remembered() {
    let disk = disk();
    let mut positions = reopen(&disk);
    for id in 0..3_000 {
        positions.merge("a", vec![state(id, 1, true)]);
        positions.write().unwrap();
        if id % 100 == 0 {
            positions.sync().unwrap();
        }
    }
    positions.sync().unwrap();
    assert_eq!(positions.stream("a").len(), DONE_MAX);
    assert!(disk.read(Path::new(PATH)).unwrap().len() < 1024 * 1024);
    assert_eq!(reopen(&disk).stream("a"), positions.stream("a"));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let valid = record::read_all(&bytes, |_, _| {});
        prop_assert!(valid <= bytes.len());
    }

    #[test]
    fn any_state_reads_back(
        numbers in any::<[u64; 6]>(), generation: u32, done: bool,
        starts in any::<[Option<u64>; 2]>(), times in any::<[Option<(i64, bool)>; 2]>(),
    ) {
        let [id, fingerprint, device, inode, end, read_to] = numbers;
        let mut open = [None; 2];
        for (at, output) in [Output::Stdout, Output::Stderr].into_iter().enumerate() {
            let inside = times[at].map(|(time, partial)| Inside { output, time: Nanos(time), partial });
            open[at] = starts[at].map(|start| OpenLine { start, inside });
        }
        let file = FileId { device, inode };
        let state = SegmentState { id, fingerprint, generation, file, end, read_to, open, done };
        let mut bytes = Vec::new();
        record::append(&mut bytes, "stream", std::slice::from_ref(&state));
        let mut told = Vec::new();
        prop_assert_eq!(record::read_all(&bytes, |_, segments| told = segments), bytes.len());
        prop_assert_eq!(told, vec![state]);
    }
}
