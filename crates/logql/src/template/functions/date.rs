//! Functions on times. Times are shown in UTC, in the reference layout of Go.

use weft_model::Nanos;
use weft_model::time::civil_from_days;

use super::{Function, Value, function, text_at};

pub(super) const FUNCTIONS: &[Function] = &[
    function("unixEpoch", 1, 1, |a| since_epoch(a, 1_000_000_000)),
    function("unixEpochMillis", 1, 1, |a| since_epoch(a, 1_000_000)),
    function("unixEpochNanos", 1, 1, |a| since_epoch(a, 1)),
    function("unixToTime", 1, 1, unix_to_time),
    function("date", 2, 2, |a| {
        Ok(Value::Text(format(&text_at(a, 0), time_at(a, 1)?)))
    }),
];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const DAYS: [&str; 7] = [
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
];

fn time_at(arguments: &[Value], index: usize) -> Result<Nanos, String> {
    match &arguments[index] {
        Value::Time(time) => Ok(*time),
        other => {
            let text = other.clone().into_text();
            weft_model::time::parse_rfc3339(text.as_bytes())
                .ok_or_else(|| format!("{text:?} is not a time"))
        }
    }
}

fn since_epoch(arguments: &[Value], unit: i64) -> Result<Value, String> {
    let time = time_at(arguments, 0)?;
    Ok(Value::Text(time.0.div_euclid(unit).to_string()))
}

/// Reads a Unix time in days, seconds, milliseconds, microseconds or nanoseconds by its length.
fn unix_to_time(arguments: &[Value]) -> Result<Value, String> {
    let text = text_at(arguments, 0);
    let unit = match text.len() {
        5 => 86_400_000_000_000,
        10 => 1_000_000_000,
        13 => 1_000_000,
        16 => 1_000,
        19 => 1,
        _ => return Err(format!("{text:?} is not a Unix time")),
    };
    let number: i64 = text
        .parse()
        .map_err(|_| format!("{text:?} is not a Unix time"))?;
    Ok(Value::Time(Nanos(number.saturating_mul(unit))))
}

/// Writes a time in a layout such as `2006-01-02T15:04:05.000Z07:00`.
fn format(layout: &str, time: Nanos) -> String {
    const PARTS: [&str; 21] = [
        "January", "Jan", "Monday", "Mon", "MST", "2006", "Z07:00", "-07:00", "-0700", "01", "02",
        "03", "04", "05", "06", "15", "PM", "_2", "2", "1", "3",
    ];
    let mut out = String::new();
    let mut rest = layout;
    while let Some(first) = rest.chars().next() {
        if let Some(part) = PARTS.iter().find(|part| rest.starts_with(**part)) {
            out += &written(part, time);
            rest = &rest[part.len()..];
        } else if first == '.' && rest[1..].starts_with(['0', '9']) {
            let digits = rest[1..]
                .chars()
                .take_while(|c| matches!(c, '0' | '9'))
                .count();
            let fraction = format!("{:09}", time.0.rem_euclid(1_000_000_000));
            out.push('.');
            out += &fraction[..digits.min(9)];
            rest = &rest[1 + digits..];
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

fn written(part: &str, time: Nanos) -> String {
    let seconds = time.0.div_euclid(1_000_000_000);
    let days = seconds.div_euclid(86_400);
    let of_day = seconds.rem_euclid(86_400);
    let (year, month, day) = civil_from_days(days);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    let hour12 = (hour + 11) % 12 + 1;
    let month_name = MONTHS[(month as usize - 1).min(11)];
    let day_name = DAYS[days.rem_euclid(7) as usize];
    match part {
        "January" => month_name.to_owned(),
        "Jan" => month_name[..3].to_owned(),
        "Monday" => day_name.to_owned(),
        "Mon" => day_name[..3].to_owned(),
        "MST" => "UTC".to_owned(),
        "2006" => format!("{year:04}"),
        "06" => format!("{:02}", year.rem_euclid(100)),
        "Z07:00" => "Z".to_owned(),
        "-07:00" => "+00:00".to_owned(),
        "-0700" => "+0000".to_owned(),
        "01" => format!("{month:02}"),
        "1" => month.to_string(),
        "02" => format!("{day:02}"),
        "_2" => format!("{day:2}"),
        "2" => day.to_string(),
        "03" => format!("{hour12:02}"),
        "3" => hour12.to_string(),
        "04" => format!("{minute:02}"),
        "05" => format!("{second:02}"),
        "15" => format!("{hour:02}"),
        _ => String::from(if hour < 12 { "AM" } else { "PM" }),
    }
}
