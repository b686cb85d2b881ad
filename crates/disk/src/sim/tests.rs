//! Claims about the simulated disk.

use super::*;

#[test]
fn what_was_synced_survives_every_crash() {
    for seed in 0..200 {
        let disk = SimDisk::new();
        let dir = Path::new("/d");
        disk.create_dir(dir).unwrap();
        let path = dir.join("f");
        let file = disk.create(&path).unwrap();
        file.write_at(0, b"safe").unwrap();
        file.sync().unwrap();
        disk.sync_dir(dir).unwrap();
        file.write_at(4, &[7; 2000]).unwrap();
        disk.crash(seed);
        let bytes = disk.read(&path).unwrap();
        assert_eq!(&bytes[..4], b"safe", "seed {seed}");
    }
}

#[test]
fn some_crash_loses_what_was_not_synced() {
    let lost = (0..50).filter(|seed| {
        let disk = SimDisk::new();
        disk.create_dir(Path::new("/d")).unwrap();
        disk.create(Path::new("/d/f"))
            .unwrap()
            .write_at(0, b"gone")
            .unwrap();
        disk.crash(*seed);
        !disk.exists(Path::new("/d/f"))
    });
    assert!((10..40).contains(&lost.count()));
}

#[test]
fn an_atomic_write_is_old_or_new() {
    for operations in 0..8 {
        for seed in 0..20 {
            let disk = SimDisk::new();
            let path = Path::new("/d/f");
            disk.create_dir(Path::new("/d")).unwrap();
            disk.write_atomic(path, b"old").unwrap();
            disk.cut_power_after(operations);
            let done = disk.write_atomic(path, b"new").is_ok();
            disk.crash(seed);
            let found = disk.read(path).unwrap();
            assert!(
                found == b"new" || (!done && found == b"old"),
                "{operations} {seed}"
            );
        }
    }
}

#[test]
fn a_failed_sync_is_not_made_good_by_the_next_one() {
    let disk = SimDisk::new();
    let dir = Path::new("/d");
    disk.create_dir(dir).unwrap();
    let file = disk.create(&dir.join("f")).unwrap();
    disk.sync_dir(dir).unwrap();
    file.write_at(0, b"old").unwrap();
    file.sync().unwrap();
    let lost = (0..50).filter(|seed| {
        let disk = disk.copy();
        let file = disk.open(&dir.join("f")).unwrap();
        file.write_at(0, b"new").unwrap();
        disk.fail_after(0, ErrorKind::StorageFull);
        assert!(file.sync().is_err());
        assert!(disk.fail_no_more());
        file.sync().unwrap();
        assert_eq!(disk.read(&dir.join("f")).unwrap(), b"new");
        disk.crash(*seed);
        disk.read(&dir.join("f")).unwrap() == b"old"
    });
    assert!((10..40).contains(&lost.count()));
    file.write_at(0, b"newer").unwrap();
    file.sync().unwrap();
    disk.crash(1);
    assert_eq!(disk.read(&dir.join("f")).unwrap(), b"newer");
}

#[test]
fn a_failed_write_has_written_a_part() {
    let disk = SimDisk::new();
    disk.create_dir(Path::new("/d")).unwrap();
    let file = disk.create(Path::new("/d/f")).unwrap();
    disk.fail_after(1, ErrorKind::StorageFull);
    file.write_at(0, b"good").unwrap();
    let failed = file.write_at(4, b"fail").unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::StorageFull);
    assert_eq!(disk.read(Path::new("/d/f")).unwrap(), b"goodfa");
    file.write_at(4, b"goes").unwrap();
    assert_eq!(disk.read(Path::new("/d/f")).unwrap(), b"goodgoes");
}
