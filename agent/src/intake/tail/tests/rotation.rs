//! Files that are renamed, compressed and removed, while the agent runs and while it does not.

use std::fs;

use super::bench::Bench;

#[test]
fn a_rotation_by_the_kubelet_loses_nothing() {
    let mut bench = Bench::new("rotate");
    bench.out("one");
    bench.run();
    bench.rename_current();
    bench.out("still to the renamed file");
    bench.step(20);
    bench.reopen();
    bench.out("to the new file");
    bench.run();
    bench.assert_stored_once();
}

#[test]
fn a_writer_that_goes_on_in_the_old_file_is_heard() {
    let mut bench = Bench::new("linger");
    bench.out("one");
    bench.run();
    let rotated = bench.rename_current();
    fs::write(bench.current(), "1970-01-01T00:00:00Z stdout F new\n").unwrap();
    bench.expect("new");
    bench.run();
    bench.out("late, to the old file");
    bench.run();
    bench.assert_stored_once();
    bench.crash();
    bench.run();
    bench.out("later still");
    bench.step(11_000);
    bench.run();
    bench.assert_stored_once();
    assert!(rotated.exists());
}

#[test]
fn three_rotations_while_the_agent_is_away_lose_nothing() {
    let mut bench = Bench::new("away");
    bench.out("read");
    bench.run();
    bench.crash();
    for n in 0..3 {
        bench.out(&format!("tail of file {n}"));
        bench.rotate();
        bench.out(&format!("head of file {}", n + 1));
    }
    bench.run();
    bench.assert_stored_once();
}

#[test]
fn a_history_of_compressed_files_is_read_in_order() {
    let mut bench = Bench::new("gz");
    bench.out("read");
    bench.run();
    bench.crash();
    for n in 0..3 {
        bench.out(&format!("in file {n}"));
        let rotated = bench.rotate();
        bench.compress(&rotated);
    }
    bench.out("in the current file");
    bench.run();
    bench.assert_stored_once();
    bench.crash();
    bench.run();
    bench.assert_stored_once();
    assert_eq!(bench.store.trimmed, 0);
}

#[test]
fn a_compressed_file_that_was_read_half_is_resumed() {
    let mut bench = Bench::new("gz-half");
    for n in 0..10 {
        bench.out(&format!("first half {n}"));
    }
    bench.run();
    bench.crash();
    for n in 0..10 {
        bench.out(&format!("second half {n}"));
    }
    let rotated = bench.rotate();
    bench.compress(&rotated);
    bench.run();
    bench.assert_stored_once();
    assert_eq!(bench.store.trimmed, 0);
}

#[test]
fn an_inode_that_is_used_again_is_another_file() {
    let mut bench = Bench::new("inode");
    for n in 0..20 {
        bench.out(&format!("line {n}"));
        bench.run();
        // Removed right before the new file is made: the kernel likes to give it the same inode.
        let rotated = bench.rename_current();
        bench.compress(&rotated);
        bench.reopen();
        if n % 3 == 0 {
            bench.crash();
        }
    }
    bench.out("last");
    bench.run();
    bench.assert_stored_once();
}

#[test]
fn a_rename_that_is_taken_back_changes_nothing() {
    let mut bench = Bench::new("back");
    bench.out("one");
    bench.run();
    let rotated = bench.rename_current();
    bench.out("two");
    bench.run();
    fs::rename(rotated, bench.current()).unwrap();
    bench.out("three");
    bench.run();
    bench.assert_stored_once();
    assert_eq!(bench.store.trimmed, 0);
}

#[test]
fn a_deleted_file_is_read_to_its_end() {
    let mut bench = Bench::new("deleted");
    bench.out("one");
    bench.run();
    bench.out("two");
    fs::remove_file(bench.current()).unwrap();
    bench.out("three");
    bench.run();
    bench.assert_stored_once();
}

#[test]
fn a_segment_that_was_removed_unread_leaves_a_gap() {
    let mut bench = Bench::new("gap");
    bench.out("read");
    bench.run();
    bench.crash();
    bench.record("stdout", "F", "lost");
    let rotated = bench.rotate();
    fs::remove_file(rotated).unwrap();
    bench.out("after");
    bench.run();
    // The loss is believed at the second look.
    bench.step(20_000);
    bench.run();
    let told = bench.store.bodies();
    assert_eq!(told.len(), 3);
    assert!(
        told.iter().any(|line| line.starts_with("weft: gap:")),
        "{told:?}"
    );
    assert_eq!(bench.tally.gaps, 1);
    bench.crash();
    bench.step(20_000);
    bench.run();
    assert_eq!(bench.store.bodies().len(), 3, "a gap is told once");
}

#[test]
fn what_the_agent_lets_go_for_lack_of_room_leaves_a_gap() {
    let mut bench = Bench::with_config("pinned", |config| {
        config.pinned_bytes_max = 10;
        config.in_flight_bytes = 1;
    });
    bench.acks = false;
    bench.out("read");
    bench.run();
    bench.record("stdout", "F", "never read");
    fs::remove_file(bench.current()).unwrap();
    bench.run();
    bench.acks = true;
    bench.ack_all();
    bench.run();
    assert_eq!(bench.tally.gaps, 1);
    assert!(bench.store.bodies()[1].starts_with("weft: gap:"));
}
