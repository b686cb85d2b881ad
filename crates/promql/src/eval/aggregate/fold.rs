//! What is kept of a group while its rows come: one state for each step.

use crate::eval::table::{ABSENT, Row, is_absent};
use crate::kahan::{Kahan, Mean, Variance};

/// A group's state at all steps.
pub(super) trait Fold: Send + Sync {
    /// Returns about how many bytes the state takes.
    fn bytes(&self) -> usize;

    /// Adds a row of which it is known where it stands; returns the bytes by which the state grew.
    fn add(&mut self, at: usize, row: &Row) -> usize;

    /// Adds the state of rows that come later.
    fn merge(&mut self, later: Self)
    where
        Self: Sized;

    /// Fills in the result.
    fn finish(&self, into: &mut Row);
}

/// A sum with compensation. A sum that is absent has no addend yet.
pub(super) struct Sum(Vec<Kahan>);

impl Sum {
    pub(super) fn new(steps: usize) -> Sum {
        Sum(vec![Kahan::new(ABSENT); steps])
    }
}

impl Fold for Sum {
    fn bytes(&self) -> usize {
        size_of_val(self.0.as_slice())
    }

    fn add(&mut self, _at: usize, row: &Row) -> usize {
        for (value, sum) in row.values.iter().zip(&mut self.0) {
            if is_absent(*value) {
                continue;
            }
            if is_absent(sum.sum) {
                *sum = Kahan::new(*value);
            } else {
                sum.add(*value);
            }
        }
        0
    }

    fn merge(&mut self, later: Sum) {
        for (sum, later) in self.0.iter_mut().zip(later.0) {
            if is_absent(sum.sum) {
                *sum = later;
            } else if !is_absent(later.sum) {
                sum.merge(later);
            }
        }
    }

    fn finish(&self, into: &mut Row) {
        let sums = self.0.iter().enumerate();
        sums.filter(|(_, sum)| !is_absent(sum.sum))
            .for_each(|(step, sum)| into.set_float(step, sum.value()));
    }
}

/// A mean.
pub(super) struct Average(Vec<Mean>);

impl Average {
    pub(super) fn new(steps: usize) -> Average {
        Average(vec![Mean::default(); steps])
    }
}

impl Fold for Average {
    fn bytes(&self) -> usize {
        size_of_val(self.0.as_slice())
    }

    fn add(&mut self, _at: usize, row: &Row) -> usize {
        let pairs = row.values.iter().zip(&mut self.0);
        pairs
            .filter(|(value, _)| !is_absent(**value))
            .for_each(|(value, mean)| mean.add(*value));
        0
    }

    fn merge(&mut self, later: Average) {
        let pairs = self.0.iter_mut().zip(later.0);
        pairs.for_each(|(mean, later)| mean.merge(later));
    }

    fn finish(&self, into: &mut Row) {
        let means = self.0.iter().enumerate();
        means
            .filter(|(_, mean)| !mean.is_empty())
            .for_each(|(step, mean)| into.set_float(step, mean.value()));
    }
}

/// How many values there are, numbers or histograms.
pub(super) struct Count {
    counts: Vec<u64>,
    /// Whether any number of values yields 1.
    once: bool,
}

impl Count {
    pub(super) fn new(steps: usize) -> Count {
        Count {
            counts: vec![0; steps],
            once: false,
        }
    }

    /// Returns a fold that yields 1 where there is any value.
    pub(super) fn once(steps: usize) -> Count {
        Count {
            once: true,
            ..Count::new(steps)
        }
    }
}

impl Fold for Count {
    fn bytes(&self) -> usize {
        size_of_val(self.counts.as_slice())
    }

    fn add(&mut self, _at: usize, row: &Row) -> usize {
        if row.histograms.is_none() {
            let pairs = self.counts.iter_mut().zip(&row.values);
            pairs.for_each(|(count, value)| *count += u64::from(!is_absent(*value)));
        } else {
            let counts = self.counts.iter_mut().enumerate();
            counts.for_each(|(step, count)| *count += u64::from(row.get(step).is_some()));
        }
        0
    }

    fn merge(&mut self, later: Count) {
        let pairs = self.counts.iter_mut().zip(later.counts);
        pairs.for_each(|(count, later)| *count += later);
    }

    fn finish(&self, into: &mut Row) {
        for (step, count) in self
            .counts
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
        {
            into.set_float(step, if self.once { 1.0 } else { *count as f64 });
        }
    }
}

/// The lowest or highest number; any number is better than NaN.
pub(super) struct Extreme {
    best: Vec<f64>,
    is_better: fn(f64, f64) -> bool,
}

impl Extreme {
    pub(super) fn new(steps: usize, is_better: fn(f64, f64) -> bool) -> Extreme {
        Extreme {
            best: vec![ABSENT; steps],
            is_better,
        }
    }

    fn meet(&mut self, values: &[f64]) {
        for (value, best) in values.iter().zip(&mut self.best) {
            // An absent best is a NaN, too.
            if !is_absent(*value) && (best.is_nan() || (self.is_better)(*value, *best)) {
                *best = *value;
            }
        }
    }
}

impl Fold for Extreme {
    fn bytes(&self) -> usize {
        size_of_val(self.best.as_slice())
    }

    fn add(&mut self, _at: usize, row: &Row) -> usize {
        self.meet(&row.values);
        0
    }

    fn merge(&mut self, later: Extreme) {
        self.meet(&later.best);
    }

    fn finish(&self, into: &mut Row) {
        into.values.copy_from_slice(&self.best);
    }
}

/// A variance, or what `of` makes of it.
pub(super) struct Spread {
    variances: Vec<Variance>,
    of: fn(f64) -> f64,
}

impl Spread {
    pub(super) fn new(steps: usize, of: fn(f64) -> f64) -> Spread {
        Spread {
            variances: vec![Variance::default(); steps],
            of,
        }
    }
}

impl Fold for Spread {
    fn bytes(&self) -> usize {
        size_of_val(self.variances.as_slice())
    }

    fn add(&mut self, _at: usize, row: &Row) -> usize {
        let pairs = row.values.iter().zip(&mut self.variances);
        pairs
            .filter(|(value, _)| !is_absent(**value))
            .for_each(|(value, variance)| variance.add(*value));
        0
    }

    fn merge(&mut self, later: Spread) {
        let pairs = self.variances.iter_mut().zip(later.variances);
        pairs.for_each(|(variance, later)| variance.merge(later));
    }

    fn finish(&self, into: &mut Row) {
        let variances = self.variances.iter().enumerate();
        variances
            .filter(|(_, variance)| !variance.is_empty())
            .for_each(|(step, variance)| into.set_float(step, (self.of)(variance.value())));
    }
}
