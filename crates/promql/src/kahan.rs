//! Sums that do not lose small addends beside large ones (Kahan's method, improved by Neumaier).

/// A sum and what its rounding lost.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Kahan {
    pub(crate) sum: f64,
    pub(crate) lost: f64,
}

impl Kahan {
    pub(crate) fn new(sum: f64) -> Kahan {
        Kahan { sum, lost: 0.0 }
    }

    pub(crate) fn add(&mut self, addend: f64) {
        let total = self.sum + addend;
        // Values are chosen rather than ways: which one is larger cannot be predicted.
        let (large, small) = if self.sum.abs() >= addend.abs() {
            (self.sum, addend)
        } else {
            (addend, self.sum)
        };
        let lost = self.lost + ((large - total) + small);
        self.lost = if total.is_infinite() { 0.0 } else { lost };
        self.sum = total;
    }

    /// Adds another sum without losing what it kept.
    pub(crate) fn merge(&mut self, other: Kahan) {
        self.add(other.sum);
        self.lost += other.lost;
    }

    pub(crate) fn scale(&mut self, factor: f64) {
        self.sum *= factor;
        self.lost *= factor;
    }

    pub(crate) fn divide(&mut self, divisor: f64) {
        self.sum /= divisor;
        self.lost /= divisor;
    }

    pub(crate) fn value(self) -> f64 {
        if self.sum.is_infinite() {
            self.sum
        } else {
            self.sum + self.lost
        }
    }
}

/// A mean: the sum divided at the end, or an incremental mean once the sum would overflow.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mean {
    count: f64,
    /// The sum; or the mean, once `incremental`.
    total: Kahan,
    incremental: bool,
}

impl Mean {
    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1.0;
        if self.count == 1.0 {
            self.total = Kahan::new(value);
            return;
        }
        if !self.incremental {
            let mut total = self.total;
            total.add(value);
            if !total.sum.is_infinite() {
                self.total = total;
                return;
            }
            self.incremental = true;
            self.total.divide(self.count - 1.0);
        }
        self.total.scale((self.count - 1.0) / self.count);
        self.total.add(value / self.count);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0.0
    }

    /// Adds the mean of values that come later.
    pub(crate) fn merge(&mut self, later: Mean) {
        if later.is_empty() {
            return;
        }
        if self.is_empty() {
            *self = later;
            return;
        }
        let count = self.count + later.count;
        if !self.incremental && !later.incremental {
            let mut total = self.total;
            total.merge(later.total);
            if !total.sum.is_infinite() {
                (self.total, self.count) = (total, count);
                return;
            }
        }
        let (mut mean, mut other) = (self.mean(), later.mean());
        mean.scale(self.count / count);
        other.scale(later.count / count);
        mean.merge(other);
        *self = Mean {
            count,
            total: mean,
            incremental: true,
        };
    }

    /// Returns the mean so far, with what its rounding lost.
    fn mean(&self) -> Kahan {
        let mut mean = self.total;
        if !self.incremental {
            mean.divide(self.count);
        }
        mean
    }

    pub(crate) fn value(self) -> f64 {
        if self.incremental {
            self.total.sum + self.total.lost
        } else {
            self.total.sum / self.count + self.total.lost / self.count
        }
    }
}

/// A variance by Welford's method with compensated sums.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Variance {
    count: f64,
    mean: Kahan,
    squares: Kahan,
}

impl Variance {
    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1.0;
        let delta = value - (self.mean.sum + self.mean.lost);
        self.mean.add(delta / self.count);
        self.squares
            .add(delta * (value - (self.mean.sum + self.mean.lost)));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0.0
    }

    /// Adds the variance of values that come later.
    pub(crate) fn merge(&mut self, later: Variance) {
        if later.is_empty() {
            return;
        }
        if self.is_empty() {
            *self = later;
            return;
        }
        let count = self.count + later.count;
        let delta = (later.mean.sum + later.mean.lost) - (self.mean.sum + self.mean.lost);
        self.mean.add(delta * later.count / count);
        self.squares.merge(later.squares);
        self.squares
            .add(delta * delta * self.count * later.count / count);
        self.count = count;
    }

    pub(crate) fn value(self) -> f64 {
        (self.squares.sum + self.squares.lost) / self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_addends_survive_large_ones() {
        let mut sum = Kahan::default();
        [2.0, 8.0, 1e100, -1e100]
            .iter()
            .for_each(|value| sum.add(*value));
        assert_eq!(sum.value(), 10.0);
    }

    #[test]
    fn a_mean_outlives_the_overflow_of_its_sum() {
        let mut mean = Mean::default();
        for _ in 0..4 {
            mean.add(1e308);
        }
        assert!((mean.value() / 1e308 - 1.0).abs() < 1e-12);
    }
}
