//! Lines that the runtime writes in parts.

use weft_proto::payload::LineFlags;

use super::bench::Bench;

#[test]
fn parts_of_the_two_outputs_are_put_together_over_a_rotation_and_a_crash() {
    for crash_at in 0..5 {
        let mut bench = Bench::new(&format!("parts-{crash_at}"));
        let mut at = 0;
        let mut next = |bench: &mut Bench| {
            bench.run();
            if at == crash_at {
                bench.crash();
            }
            at += 1;
        };
        bench.record("stdout", "P", "a");
        next(&mut bench);
        bench.record("stderr", "F", "x");
        bench.expect("x");
        next(&mut bench);
        bench.rotate();
        bench.record("stderr", "P", "y");
        next(&mut bench);
        bench.record("stdout", "P", "b");
        bench.record("stderr", "F", "z");
        bench.expect("yz");
        next(&mut bench);
        bench.record("stdout", "F", "c");
        bench.expect("abc");
        next(&mut bench);
        bench.run();
        bench.assert_stored_once();
        assert_eq!(bench.store.lines[0].flags, LineFlags::STDERR);
    }
}

#[test]
fn a_line_that_its_writer_left_open_is_handed_on_after_a_while() {
    let mut bench = Bench::new("open");
    bench.record("stdout", "P", "no end");
    bench.run();
    assert!(bench.store.lines.is_empty());
    bench.run_long();
    bench.expect("no end");
    bench.assert_stored_once();
    assert_eq!(bench.store.lines[0].flags, LineFlags::CONTINUES);
    bench.out("next");
    bench.run();
    bench.crash();
    bench.run();
    bench.assert_stored_once();
}

#[test]
fn the_last_open_line_of_a_removed_container_is_handed_on() {
    let mut bench = Bench::new("exit");
    bench.record("stderr", "P", "dying words");
    bench.run();
    bench.remove_pod();
    bench.run();
    bench.expect("dying words");
    bench.assert_stored_once();
    let flags = LineFlags::STDERR.with(LineFlags::TRUNCATED);
    assert_eq!(bench.store.lines[0].flags, flags);
}

#[test]
fn a_record_without_its_newline_waits_for_it() {
    let mut bench = Bench::new("newline");
    bench.raw("1970-01-01T00:00:00Z stdout F be");
    bench.run();
    assert!(bench.store.lines.is_empty());
    bench.raw("gun\n");
    bench.expect("begun");
    bench.run();
    bench.assert_stored_once();
}

#[test]
fn a_record_that_a_rotation_cut_is_handed_on() {
    let mut bench = Bench::new("cut");
    bench.out("whole");
    bench.raw("1970-01-01T00:00:00Z stdout F cut here");
    bench.run();
    bench.rotate();
    bench.expect("cut here");
    bench.out("after");
    bench.run();
    bench.assert_stored_once();
}

#[test]
fn what_is_no_record_is_stored_as_it_is_and_counted() {
    let mut bench = Bench::new("malformed");
    bench.raw("not a record\n");
    bench.expect("not a record");
    bench.run();
    bench.assert_stored_once();
    assert_eq!(bench.tally.malformed, 1);
}

#[test]
fn an_open_line_outlives_files_without_a_record() {
    let mut bench = Bench::new("empty-files");
    bench.record("stdout", "P", "begun, ");
    let first = bench.rotate();
    bench.rotate();
    bench.rotate();
    bench.compress(&first);
    bench.run();
    bench.record("stdout", "F", "ended");
    bench.expect("begun, ended");
    bench.crash();
    bench.run();
    bench.assert_stored_once();
}

#[test]
fn a_line_that_ended_in_a_later_file_is_not_begun_again_while_another_is_open() {
    let mut bench = Bench::new("one-closed");
    bench.record("stdout", "P", "a");
    bench.record("stderr", "P", "x");
    bench.run();
    bench.rotate();
    bench.record("stdout", "F", "b");
    bench.expect("ab");
    bench.run();
    bench.crash();
    bench.out("c");
    bench.record("stderr", "F", "y");
    bench.expect("xy");
    bench.run();
    bench.assert_stored_once();
}
