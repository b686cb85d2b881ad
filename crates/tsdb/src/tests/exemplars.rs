//! Exemplars are given as a map would give them, whatever happens to the store meanwhile.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use weft_disk::{Disk, SimDisk};
use weft_matcher::LabelMatcher;
use weft_model::{Exemplar, Labels, MatchOp, Millis};

use super::model::Random;
use super::{DIR, NOON, labels, matchers, of_metric, open, small};
use crate::{Config, Rejected, Retention, Tsdb, check};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// How many seeds are tried.
const SEEDS: u64 = 40;

/// Series, time, own labels; the bits of the value.
type Truth = BTreeMap<(Labels, i64, Labels), u64>;

fn config() -> Config {
    Config {
        retention_millis: 3 * DAY,
        ..small()
    }
}

fn exemplar(time: i64, trace: &str, value: f64) -> Exemplar {
    Exemplar {
        labels: Labels::from_pairs([("trace_id", trace)]),
        value,
        time: Millis(time),
    }
}

fn found(store: &Tsdb, matchers: &[LabelMatcher], start: i64, end: i64) -> Truth {
    let mut found = Truth::new();
    for (series, exemplars) in store
        .exemplars(matchers, Millis(start), Millis(end))
        .unwrap()
    {
        assert!(exemplars.is_sorted_by_key(|it| it.time), "{series}");
        for it in exemplars {
            let key = (series.clone(), it.time.0, it.labels);
            let doubled = found.insert(key, it.value.to_bits());
            assert_eq!(doubled, None, "{series} has an exemplar twice");
        }
    }
    found
}

/// A store, the truth about it, and what its caller has in the journal.
struct Run {
    random: Random,
    disk: SimDisk,
    dir: PathBuf,
    store: Tsdb,
    truth: Truth,
    journal: Vec<(Labels, Exemplar)>,
    now: i64,
    told: i64,
    copies: u64,
}

impl Run {
    fn new(seed: u64) -> Run {
        let disk = SimDisk::new();
        Run {
            random: Random::new(seed),
            store: open(&disk, config(), NOON),
            disk,
            dir: PathBuf::from(DIR),
            truth: Truth::new(),
            journal: Vec::new(),
            now: NOON,
            told: NOON,
            copies: 0,
        }
    }

    fn step(&mut self) {
        match self.random.below(24) {
            0..=9 => self.append(),
            10..=12 => self.sample(),
            13..=15 => assert!(self.flush()),
            16 => self.delete(),
            17..=18 => self.pause(),
            19 => self.crash(),
            20 => self.fail(),
            21 => self.copy(),
            _ => self.compare(),
        }
    }

    fn series(&mut self) -> Labels {
        let metric = format!("m{}", self.random.below(4));
        labels(&metric, &format!("i{}", self.random.below(3)))
    }

    fn append(&mut self) {
        for _ in 0..1 + self.random.below(30) {
            self.now += self.random.below(2000) as i64;
            let back = match self.random.below(12) {
                0 => self.random.below(4 * DAY as u64) as i64,
                1..=3 => self.random.below(HOUR as u64) as i64,
                _ => 0,
            };
            let series = self.series();
            let trace = format!("{:x}", self.random.below(300) << 20);
            let value = self.random.below(5) as f64 / 4.0;
            self.take(
                &series,
                exemplar((self.now - back) / 1000 * 1000, &trace, value),
            );
        }
        // What was seen before comes again, sometimes with another value.
        let known = self
            .truth
            .keys()
            .nth(self.random.below(40) as usize)
            .cloned();
        if let Some((series, time, own)) = known {
            let value = self.random.below(3) as f64;
            let again = Exemplar {
                labels: own,
                value,
                time: Millis(time),
            };
            (0..2).for_each(|_| self.take(&series, again.clone()));
        }
    }

    fn take(&mut self, series: &Labels, exemplar: Exemplar) {
        let earliest = self.told - config().retention_millis;
        let latest = self.told + config().future_max_millis;
        let expected = match exemplar.time.0 {
            time if time < earliest => Err(Rejected::TooOld),
            time if time > latest => Err(Rejected::TooNew),
            _ => Ok(()),
        };
        let reference = self.store.intern(series).unwrap();
        let taken = self.store.append_exemplar(reference, exemplar.clone());
        assert_eq!(taken, expected);
        if taken.is_ok() {
            let key = (series.clone(), exemplar.time.0, exemplar.labels.clone());
            self.truth.insert(key, exemplar.value.to_bits());
            self.journal.push((series.clone(), exemplar));
        }
    }

    /// Appends a sample, so that some series of the parts have both, and some either.
    fn sample(&mut self) {
        self.now += 1000;
        let series = self.series();
        let reference = self.store.intern(&series).unwrap();
        let _ = self.store.append(reference, Millis(self.now), 1.0);
    }

    fn tell(&mut self) -> Millis {
        self.told = self.told.max(self.now);
        Millis(self.now)
    }

    fn flush(&mut self) -> bool {
        let now = self.tell();
        let flushed = self.store.flush(now).is_ok();
        if flushed {
            self.journal.clear();
        }
        flushed
    }

    fn pause(&mut self) {
        self.now += [60_000, 15 * 60_000, 2 * HOUR, 26 * HOUR][self.random.below(4) as usize];
        let now = self.tell();
        while self.store.maintain(now).unwrap().more {}
    }

    fn delete(&mut self) {
        assert!(self.flush());
        let which = match self.random.below(2) {
            0 => matchers(&[("instance", MatchOp::Regex, "i[12]")]),
            _ => of_metric("m1"),
        };
        let end = self.now - self.random.below(HOUR as u64) as i64;
        let start = end - self.random.below(2 * DAY as u64) as i64;
        self.store
            .delete(&which, Millis(start), Millis(end))
            .unwrap();
        self.truth.retain(|(series, time, _), _| {
            let fits = |matcher: &LabelMatcher| matcher.matches(series.get(matcher.name()));
            !((start..=end).contains(time) && which.iter().all(fits))
        });
    }

    fn reopen(&mut self) {
        self.told = self.told.max(self.now);
        let opened = Tsdb::open(
            Arc::new(self.disk.clone()),
            &self.dir,
            config(),
            Millis(self.told),
        );
        self.store = opened.unwrap().0;
        let earliest = self.told - config().retention_millis;
        for (series, exemplar) in std::mem::take(&mut self.journal) {
            if exemplar.time.0 >= earliest {
                self.take(&series, exemplar);
            }
        }
    }

    fn crash(&mut self) {
        self.disk.crash(self.random.below(1 << 40));
        self.reopen();
        self.compare();
    }

    /// Lets the power fail, or an operation, within a flush or a maintenance.
    fn fail(&mut self) {
        let operations = self.random.below(30);
        let power = self.random.below(2) == 0;
        if power {
            self.disk.cut_power_after(operations);
        } else {
            self.disk
                .fail_after(operations, std::io::ErrorKind::StorageFull);
        }
        self.flush();
        self.now += HOUR;
        let now = self.tell();
        for _ in 0..4 {
            drop(self.store.maintain(now));
        }
        if power {
            self.crash();
        } else {
            self.disk.fail_no_more();
        }
        self.compare();
    }

    fn copy(&mut self) {
        assert!(self.flush());
        self.copies += 1;
        let copy = Path::new("/").join(format!("copy{}", self.copies));
        self.store.snapshot(&copy).unwrap();
        self.dir = copy;
        self.reopen();
        self.compare();
    }

    fn compare(&mut self) {
        let earliest = self.told - config().retention_millis;
        let start = self.now - self.random.below(3 * DAY as u64) as i64;
        let expected = |keep: &dyn Fn(&Labels, i64) -> bool| -> Truth {
            let all = self.truth.iter();
            let kept =
                all.filter(|((series, time, _), _)| *time >= earliest && keep(series, *time));
            kept.map(|(key, value)| (key.clone(), *value)).collect()
        };
        let all = found(&self.store, &[], i64::MIN, i64::MAX);
        assert_eq!(all, expected(&|_, _| true));
        let some = found(&self.store, &of_metric("m2"), start, self.now);
        let now = self.now;
        let keep = |series: &Labels, time| series.name() == "m2" && (start..=now).contains(&time);
        assert_eq!(some, expected(&keep));
    }
}

#[test]
fn exemplars_are_what_a_map_gives() {
    for seed in 0..SEEDS {
        eprintln!("seed {seed}");
        let mut run = Run::new(seed);
        (0..60).for_each(|_| run.step());
        run.compare();
        run.flush();
        run.now += 26 * HOUR;
        run.pause();
        run.crash();
        let report = check(&run.disk, &run.dir).unwrap();
        assert!(report.faults.is_empty(), "{:?}", report.faults);
    }
}

fn times(store: &Tsdb) -> Vec<i64> {
    let found = found(store, &[], i64::MIN, i64::MAX);
    let mut times: Vec<i64> = found.keys().map(|(_, time, _)| time - NOON).collect();
    times.sort_unstable();
    times
}

fn write(store: &Tsdb, from: i64, to: i64) {
    for time in from..to {
        let series = store
            .intern(&labels("m", &format!("i{}", time % 3)))
            .unwrap();
        let trace = format!("{time:032x}");
        let exemplar = exemplar(NOON + time, &trace, 1.0);
        store.append_exemplar(series, exemplar).unwrap();
        if time % 100 == 99 {
            store.flush(Millis(NOON + time)).unwrap();
        }
    }
}

#[test]
fn of_too_many_the_newest_stay() {
    let disk = SimDisk::new();
    let config = || Config {
        exemplars_max: 320,
        ..small()
    };
    let store = open(&disk, config(), NOON);
    write(&store, 0, 300);
    let settle = |store: &Tsdb, now| while store.maintain(Millis(now)).unwrap().more {};
    settle(&store, NOON + 1000);
    assert_eq!(times(&store), (0..300).collect::<Vec<_>>());
    write(&store, 300, 400);
    settle(&store, NOON + 1000);
    assert_eq!(times(&store), (100..400).collect::<Vec<_>>());
    settle(&store, NOON + 2 * DAY);
    assert_eq!(times(&store), (100..400).collect::<Vec<_>>());
    assert_eq!(
        store.status().exemplars,
        300,
        "the others are not in the merged part"
    );
    drop(store);
    let store = open(&disk, config(), NOON);
    write(&store, 400, 500);
    settle(&store, NOON + 2 * DAY);
    let left = times(&store);
    assert_eq!(left, (200..500).collect::<Vec<_>>());
}

#[test]
fn what_is_dropped_is_counted() {
    let disk = SimDisk::new();
    let config = Config {
        exemplars_max: 160,
        ..small()
    };
    let store = open(&disk, config, NOON);
    for (end, dropped) in [(100, 0), (200, 0), (300, 100), (400, 200)] {
        write(&store, end - 100, end);
        store.maintain(Millis(NOON)).unwrap();
        assert_eq!(store.status().exemplars_dropped, dropped, "{end}");
    }
}

#[test]
fn exemplars_have_a_retention_of_their_own_and_that_of_their_series() {
    let disk = SimDisk::new();
    let config = Config {
        exemplars_retention_millis: HOUR,
        retention_by: vec![Retention {
            matchers: matchers(&[("instance", MatchOp::Equal, "i1")]),
            retention_millis: HOUR / 2,
        }],
        ..small()
    };
    let store = open(&disk, config, NOON);
    write(&store, 0, 9);
    let times_at = |now: i64| {
        store.flush(Millis(NOON + now)).unwrap();
        times(&store)
    };
    assert_eq!(times_at(5), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(times_at(HOUR / 2 + 5), [0, 2, 3, 5, 6, 7, 8]);
    assert_eq!(times_at(HOUR + 5), [5, 6, 8]);
}

#[test]
fn exemplars_without_a_sample_are_kept_and_answer_nothing_else() {
    let disk = SimDisk::new();
    let store = open(&disk, small(), NOON);
    write(&store, 0, 3);
    store.flush(Millis(NOON)).unwrap();
    let series = store.intern(&labels("m", "i0")).unwrap();
    store.append(series, Millis(NOON), 7.0).unwrap();
    store.flush(Millis(NOON)).unwrap();
    while store.maintain(Millis(NOON + 2 * DAY)).unwrap().more {}
    assert_eq!(store.status().parts, 1);
    assert_eq!(times(&store), [0, 1, 2]);
    let read = super::read(&store, &[], 0, i64::MAX);
    assert_eq!(read.len(), 1);
    drop(store);
    let report = check(&disk, Path::new(DIR)).unwrap();
    assert!(report.faults.is_empty(), "{:?}", report.faults);
    assert_eq!((report.samples, report.exemplars), (1, 3));
}

#[test]
fn a_flipped_bit_in_exemplars_is_found() {
    let disk = SimDisk::new();
    let store = open(&disk, small(), NOON);
    write(&store, 0, 40);
    store.flush(Millis(NOON)).unwrap();
    drop(store);
    let part = disk.list(Path::new(DIR)).unwrap().pop().unwrap();
    let mut content = disk.read(&part.path).unwrap();
    content[40] ^= 1;
    disk.create(&part.path)
        .unwrap()
        .write_at(0, &content)
        .unwrap();
    let report = check(&disk, Path::new(DIR)).unwrap();
    assert_eq!(report.faults.len(), 1);
    let store = open(&disk, small(), NOON);
    assert!(store.exemplars(&[], Millis(0), Millis(i64::MAX)).is_err());
    store.maintain(Millis(NOON)).unwrap();
    assert!(times(&store).is_empty(), "the part is set aside");
}
