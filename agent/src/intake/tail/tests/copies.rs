//! Plain files, and those that are copied and written over.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::bench::Bench;
use crate::config::{FileSource, Start};

fn plain(name: &str) -> (Bench, PathBuf) {
    plain_from(name, Start::Beginning, &[])
}

fn plain_from(name: &str, start: Start, lines: &[&str]) -> (Bench, PathBuf) {
    let dir = std::env::temp_dir().join(format!("weft-plain-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    let path = dir.join("app.log");
    if !lines.is_empty() {
        write(&path, &lines.join(""));
    }
    let bench = Bench::with_config(name, |config| {
        config.start = start;
        config.files = vec![FileSource {
            glob: format!("{}/*.log", dir.display()),
            job: "app".to_owned(),
            labels: vec![("team".to_owned(), "shop".to_owned())],
        }];
    });
    (bench, path)
}

fn write(path: &Path, text: &str) {
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn line(bench: &mut Bench, path: &Path, body: &str) {
    write(path, &format!("{body}\n"));
    bench.expect(body);
}

fn finish(bench: &Bench, path: &Path) {
    bench.assert_stored_once();
    fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

#[test]
fn every_line_of_a_plain_file_is_an_entry_with_its_file_name() {
    let (mut bench, path) = plain("entry");
    line(&mut bench, &path, "one");
    line(&mut bench, &path, "");
    line(&mut bench, &path, "two");
    bench.run();
    let labels = &bench.store.lines[0].labels;
    assert_eq!(labels.get("filename"), path.to_str().unwrap());
    assert_eq!((labels.get("job"), labels.get("team")), ("app", "shop"));
    finish(&bench, &path);
}

#[test]
fn logrotate_renames_and_compresses_without_a_loss() {
    let (mut bench, path) = plain("logrotate");
    for n in 0..4 {
        line(&mut bench, &path, "same first line");
        line(&mut bench, &path, &format!("line {n}"));
        bench.run();
        let old = path.with_file_name("app.log.1");
        if old.exists() {
            bench.compress(&old);
            let gz = path.with_file_name("app.log.1.gz");
            fs::rename(gz, path.with_file_name(format!("app.log.{}.gz", 9 - n))).unwrap();
        }
        fs::rename(&path, &old).unwrap();
        line(&mut bench, &old, "to the renamed file");
        bench.run();
        if n == 2 {
            bench.crash();
        }
    }
    line(&mut bench, &path, "same first line");
    bench.run();
    finish(&bench, &path);
}

#[test]
fn a_file_that_is_copied_and_truncated_loses_nothing_that_the_copy_has() {
    let (mut bench, path) = plain("copytruncate");
    line(&mut bench, &path, "one");
    bench.run();
    line(&mut bench, &path, "only in the copy when it is read");
    fs::copy(&path, path.with_file_name("app.log.1")).unwrap();
    OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(0)
        .unwrap();
    bench.run();
    line(&mut bench, &path, "after");
    bench.run();
    assert_eq!(bench.tally.truncations, 1);
    bench.crash();
    bench.run();
    line(&mut bench, &path, "last");
    bench.run();
    finish(&bench, &path);
}

#[test]
fn a_truncated_file_that_begins_as_before_is_read_anew() {
    let (mut bench, path) = plain("same-start");
    line(&mut bench, &path, "=== started ===");
    line(&mut bench, &path, "first run");
    bench.run();
    OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(0)
        .unwrap();
    bench.run();
    line(&mut bench, &path, "=== started ===");
    line(&mut bench, &path, "second run");
    bench.run();
    finish(&bench, &path);
}

#[test]
fn a_file_written_over_beyond_its_old_end_is_noticed_by_its_beginning() {
    let (mut bench, path) = plain("overwritten");
    line(&mut bench, &path, "short");
    bench.run();
    fs::write(&path, "a much longer line than there was before\n").unwrap();
    bench.expect("a much longer line than there was before");
    bench.run();
    finish(&bench, &path);
}

#[test]
fn a_file_that_was_there_may_be_begun_at_its_end() {
    let (mut bench, path) = plain_from("end", Start::End, &["old\n", "older\n"]);
    bench.run();
    assert!(bench.store.lines.is_empty());
    line(&mut bench, &path, "new");
    bench.run();
    let second = path.with_file_name("second.log");
    line(&mut bench, &second, "a file made later is read whole");
    bench.run();
    finish(&bench, &path);
}

#[test]
fn the_rest_of_a_removed_file_is_handed_on_without_its_newline() {
    let (mut bench, path) = plain("rest");
    line(&mut bench, &path, "one");
    write(&path, "no newline");
    bench.run();
    fs::remove_file(&path).unwrap();
    bench.run();
    bench.expect("no newline");
    finish(&bench, &path);
}
