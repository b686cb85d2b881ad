//! Points in time, since the Unix epoch in UTC. Metrics count milliseconds, logs nanoseconds.

use std::fmt;

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Millis(pub i64);

/// Nanoseconds since the Unix epoch; reaches from 1677 to 2262.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Nanos(pub i64);

impl Millis {
    /// Returns the same time in nanoseconds, clamped to what they can tell.
    pub fn to_nanos(self) -> Nanos {
        Nanos(self.0.saturating_mul(1_000_000))
    }

    /// Returns the time `millis` later, clamped.
    pub fn plus(self, millis: i64) -> Millis {
        Millis(self.0.saturating_add(millis))
    }
}

impl Nanos {
    /// Returns the millisecond that this time lies in.
    pub fn to_millis(self) -> Millis {
        Millis(self.0.div_euclid(1_000_000))
    }

    /// Returns the time `nanos` later, clamped.
    pub fn plus(self, nanos: i64) -> Nanos {
        Nanos(self.0.saturating_add(nanos))
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_nanos().fmt(f)
    }
}

impl fmt::Display for Nanos {
    /// Writes RFC 3339 in UTC, with as many digits after the point as are needed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.div_euclid(1_000_000_000);
        let (year, month, day) = civil_from_days(seconds.div_euclid(86_400));
        let of_day = seconds.rem_euclid(86_400);
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
        )?;
        match self.0.rem_euclid(1_000_000_000) {
            0 => {}
            nanos if nanos % 1_000_000 == 0 => write!(f, ".{:03}", nanos / 1_000_000)?,
            nanos => write!(f, ".{nanos:09}")?,
        }
        f.write_str("Z")
    }
}

/// Returns the Gregorian date of a day counted from 1970-01-01 (Howard Hinnant's algorithm).
pub fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u32;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month as u32, day)
}

/// Returns the day, counted from 1970-01-01, of a Gregorian date (Howard Hinnant's algorithm).
pub fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = i64::from((month + 9) % 12);
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Reads an RFC 3339 time with any number of fractional digits (those past nanoseconds are cut).
///
/// Returns nothing for what is not such a time or lies outside of what [`Nanos`] can tell.
pub fn parse_rfc3339(text: &[u8]) -> Option<Nanos> {
    let number = |from: usize, to: usize| -> Option<i64> {
        text.get(from..to)?.iter().try_fold(0i64, |sum, byte| {
            byte.is_ascii_digit()
                .then(|| sum * 10 + i64::from(byte - b'0'))
        })
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)? as u32, number(8, 10)? as u32);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let separated = text[4] == b'-'
        && text[7] == b'-'
        && matches!(text[10], b'T' | b't' | b' ')
        && text[13] == b':'
        && text[16] == b':';
    let in_range = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !separated || !in_range {
        return None;
    }
    let mut at = 19;
    let mut nanos = 0i64;
    if text.get(at) == Some(&b'.') {
        at += 1;
        let mut scale = 100_000_000;
        while let Some(byte) = text.get(at).filter(|byte| byte.is_ascii_digit()) {
            nanos += i64::from(byte - b'0') * scale;
            scale /= 10;
            at += 1;
        }
    }
    let offset = match text.get(at)? {
        b'Z' | b'z' if text.len() == at + 1 => 0,
        sign @ (b'+' | b'-') if text.len() == at + 6 && text[at + 3] == b':' => {
            let seconds = number(at + 1, at + 3)? * 3600 + number(at + 4, at + 6)? * 60;
            if *sign == b'+' { seconds } else { -seconds }
        }
        _ => return None,
    };
    let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    (seconds - offset)
        .checked_mul(1_000_000_000)?
        .checked_add(nanos)
        .map(Nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, nanos: i64) {
        assert_eq!(parse_rfc3339(text.as_bytes()), Some(Nanos(nanos)), "{text}");
    }

    #[test]
    fn rfc3339_is_read_with_and_without_a_fraction_and_offset() {
        check("1970-01-01T00:00:00Z", 0);
        check("2024-02-29T23:59:59.5Z", 1_709_251_199_500_000_000);
        check(
            "2024-03-01T01:59:59.123456789+02:00",
            1_709_251_199_123_456_789,
        );
        check("1969-12-31T23:59:59.999999999Z", -1);
    }

    #[test]
    fn what_is_not_a_time_is_refused() {
        for text in [
            "",
            "2024",
            "2024-13-01T00:00:00Z",
            "2024-01-01T00:00:00",
            "2024-01-01T00:00:00.Zx",
        ] {
            assert_eq!(parse_rfc3339(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn printing_reads_back() {
        for nanos in [
            0,
            -1,
            1,
            1_709_251_199_500_000_000,
            i64::MAX / 2,
            -86_400_000_000_001,
        ] {
            let text = Nanos(nanos).to_string();
            assert_eq!(parse_rfc3339(text.as_bytes()), Some(Nanos(nanos)), "{text}");
        }
    }
}
