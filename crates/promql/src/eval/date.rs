//! Parts of a date, in UTC.

use weft_model::Labels;
use weft_model::time::{civil_from_days, days_from_civil};

use crate::ast::FunctionId;
use crate::error::QueryError;

use super::table::{Row, Table};
use super::{Evaluator, Steps};

/// Returns a part of the date at some seconds since the epoch.
pub(super) type Part = fn(i64) -> f64;

pub(super) fn part(function: FunctionId) -> Option<Part> {
    use FunctionId as Id;
    let part: Part = match function {
        Id::Minute => |seconds| (seconds.rem_euclid(3600) / 60) as f64,
        Id::Hour => |seconds| (seconds.rem_euclid(86_400) / 3600) as f64,
        Id::DayOfWeek => |seconds| (day(seconds) + 4).rem_euclid(7) as f64,
        Id::DayOfMonth => |seconds| f64::from(civil_from_days(day(seconds)).2),
        Id::DayOfYear => day_of_year,
        Id::DaysInMonth => days_in_month,
        Id::Month => |seconds| f64::from(civil_from_days(day(seconds)).1),
        Id::Year => |seconds| civil_from_days(day(seconds)).0 as f64,
        _ => return None,
    };
    Some(part)
}

fn day(seconds: i64) -> i64 {
    // Days beyond this have no date that anybody asks for.
    const SECONDS_MAX: i64 = 1 << 53;
    seconds.clamp(-SECONDS_MAX, SECONDS_MAX).div_euclid(86_400)
}

fn day_of_year(seconds: i64) -> f64 {
    let (year, _, _) = civil_from_days(day(seconds));
    (day(seconds) - days_from_civil(year, 1, 1) + 1) as f64
}

fn days_in_month(seconds: i64) -> f64 {
    let (year, month, _) = civil_from_days(day(seconds));
    let next = if month == 12 {
        (year + 1, 1)
    } else {
        (year, month + 1)
    };
    (days_from_civil(next.0, next.1, 1) - days_from_civil(year, month, 1)) as f64
}

impl Evaluator<'_> {
    /// Tells a part of the date of each step.
    pub(super) fn date_of_steps(&self, part: Part, steps: Steps) -> Result<Table, QueryError> {
        let mut row = Row::new(steps.count);
        for (step, time) in steps.times().enumerate() {
            row.set_float(step, part(time.div_euclid(1000)));
        }
        let mut table = self.table(steps);
        table.push(Labels::empty(), false, &mut row)?;
        Ok(table)
    }
}
