//! What is written in a run: scrapes, late samples, histograms, backfill, words about metrics.

use weft_model::{Labels, MetricKind, MetricMetadata, Millis, STALE_NAN_BITS};

use super::super::labels;
use super::run::{DAY, HOUR, INSTANCES, METRICS, Run};
use super::truth::{Kind, Value, histogram};
use crate::Rejected;

impl Run {
    pub(super) fn value(&mut self) -> Value {
        let bits = match self.random(14) {
            0 => STALE_NAN_BITS,
            1 => f64::NEG_INFINITY.to_bits(),
            2 => (-0.0f64).to_bits(),
            3 => self.drawn() << 11 | self.random(1 << 11),
            4 => 0x7ff8_0000_0000_0000 | self.random(1 << 51),
            5 => self.random(1 << 20),
            6..=7 => (self.random(1000) as f64 / 10.0).to_bits(),
            _ => (self.random(50) as f64).to_bits(),
        };
        Value::Float(bits)
    }

    /// Appends a sample to store, truth and journal, if it is taken.
    pub(super) fn append(&mut self, labels: &Labels, time: i64, value: &Value) {
        self.truth.name(labels);
        let taken = self.store_append(labels, time, value);
        let earliest = self.told - self.keeping.longest();
        let latest = self.told + self.config.future_max_millis;
        let expected = match time {
            _ if time < earliest => Err(Rejected::TooOld),
            _ if time > latest => Err(Rejected::TooNew),
            _ => Ok(()),
        };
        assert_eq!(taken, expected, "{labels} {time}");
        if taken.is_ok() {
            self.truth.insert(labels, time, value);
            self.journal
                .samples
                .push((labels.clone(), time, value.clone()));
        }
    }

    fn store_append(&self, labels: &Labels, time: i64, value: &Value) -> Result<(), Rejected> {
        for _ in 0..2 {
            let series = self.store.intern(labels)?;
            let taken = match value {
                Value::Float(bits) => {
                    let value = f64::from_bits(*bits);
                    self.store.append(series, Millis(time), value)
                }
                Value::Histogram(number) => {
                    let value = histogram(*number);
                    self.store.append_histogram(series, Millis(time), value)
                }
                Value::Strange(_) => unreachable!("no strange value is written"),
            };
            if taken != Err(Rejected::Stale) {
                return taken;
            }
        }
        Err(Rejected::Stale)
    }

    /// Scrapes every series once, at a common time.
    pub(super) fn tick(&mut self) {
        self.now += 1000 * (1 + self.random(30) as i64);
        for metric in 0..METRICS {
            for instance in 0..INSTANCES {
                if self.random(5) > 0 {
                    let value = self.value();
                    let labels = labels(&format!("m{metric}"), &format!("i{instance}"));
                    self.append(&labels, self.now, &value);
                }
            }
        }
    }

    /// Writes to the past, some times again, with the same value or another one.
    pub(super) fn late(&mut self) {
        let reach = [600_000, 8 * HOUR, 6 * DAY][self.random(3) as usize];
        for _ in 0..self.random(20) {
            let back = self.random(reach as u64) as i64;
            let series = self.series();
            let value = self.value();
            self.append(&series, self.now - back, &value);
        }
        for _ in 0..3 {
            let number = self.drawn();
            if let Some((labels, time, kind)) = self.truth.nth(number) {
                let value = match kind {
                    Kind::Float => self.value(),
                    Kind::Histogram => Value::Histogram(self.random(800)),
                };
                self.append(&labels, time, &value);
            }
        }
    }

    pub(super) fn histograms(&mut self) {
        let labels = labels(&format!("m{METRICS}"), "i0");
        let first = self.random(400);
        for number in 0..1 + self.random(40) {
            self.now += 1000;
            self.append(&labels, self.now, &Value::Histogram(first + number));
            if self.random(8) == 0 {
                self.append(&labels, self.now, &Value::Float(number));
            }
        }
        self.append(&labels, self.now - 10_500, &Value::Histogram(first));
    }

    /// Fills pages: many samples of one series that do not compress.
    pub(super) fn burst(&mut self) {
        let labels = self.series();
        if self.random(3) > 0 {
            return self.tick();
        }
        for _ in 0..500 + self.random(2500) {
            self.now += 1000;
            let bits = 0x3ff0_0000_0000_0000 | self.drawn() >> 2;
            self.append(&labels, self.now, &Value::Float(bits));
        }
    }

    /// Brings the past of one series, hour by hour, as a migration does.
    pub(super) fn backfill(&mut self) {
        let labels = self.series();
        let start = self.now - self.random(6 * DAY as u64) as i64;
        let apart = [60_000, 10 * 60_000, HOUR][self.random(3) as usize];
        for at in 0..1 + self.random(150) as i64 {
            let value = self.value();
            self.append(&labels, (start + at * apart).min(self.now), &value);
        }
    }

    /// Tells something of a metric.
    pub(super) fn describe(&mut self) {
        let metric = format!("m{}", self.random(METRICS + 2));
        let metadata = MetricMetadata {
            kind: [MetricKind::Counter, MetricKind::Gauge][self.random(2) as usize],
            help: format!("help {}", self.random(3)),
            unit: ["", "bytes"][self.random(2) as usize].to_owned(),
        };
        self.set_metadata(metric, metadata);
    }

    pub(super) fn set_metadata(&mut self, metric: String, metadata: MetricMetadata) {
        assert!(self.store.set_metadata(&metric, metadata.clone()));
        self.truth.describe(&metric, &metadata);
        self.journal.described.push((metric, metadata));
    }
}
