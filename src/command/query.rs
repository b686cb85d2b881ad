//! `weft query`: asks the aggregator in PromQL; prints a table, or a small chart for a range.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use weft_stdx::{Clock, text};

use crate::args::Query;
use crate::exit::Exit;
use crate::http;
use crate::print::{self, chart, table};

const CHART_WIDTH: usize = 60;
/// How many points a range has when no step is given.
const POINTS: u128 = 120;

pub(crate) async fn run(query: &Query, clock: &Clock) -> Result<Exit> {
    let (path, parameters) = request(query, clock)?;
    let borrowed: Vec<(&str, &str)> = parameters.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let answer = http::get(&query.asking.url, path, &borrowed).await?;
    let document: Value = serde_json::from_slice(&answer.body)
        .with_context(|| format!("read the answer (status {})", answer.status))?;
    if query.asking.json {
        print::line(&document.to_string());
        return Ok(if answer.status == 200 {
            Exit::Done
        } else {
            Exit::Failed
        });
    }
    if document["status"] != "success" {
        bail!(
            "{}",
            document["error"]
                .as_str()
                .unwrap_or("the aggregator refused the query")
        );
    }
    for kind in ["warnings", "infos"] {
        for note in document[kind].as_array().into_iter().flatten() {
            tracing::warn!("{}", note.as_str().unwrap_or_default());
        }
    }
    let lines = match query.csv {
        true => csv(&document["data"]),
        false => readable(&document["data"]),
    };
    lines.iter().for_each(|line| print::line(line));
    Ok(Exit::Done)
}

fn request(query: &Query, clock: &Clock) -> Result<(&'static str, Vec<(&'static str, String)>)> {
    let mut parameters = vec![("query", query.promql.clone())];
    let Some(since) = &query.since else {
        return Ok(("/api/v1/query", parameters));
    };
    let parse = |name: &str, it: &str| {
        text::parse_duration(it)
            .filter(|it| !it.is_zero())
            .with_context(|| {
                format!("--{name} {it}: is not a duration above 0 such as 15s or 1h30m")
            })
    };
    let since = parse("since", since)?;
    let step_ms = match &query.step {
        Some(step) => parse("step", step)?.as_millis(),
        None => (since.as_millis() / POINTS).max(1000),
    };
    let seconds = |ms: i64| format!("{}.{:03}", ms.div_euclid(1000), ms.rem_euclid(1000));
    let end = clock.millis();
    let start = end.saturating_sub(i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
    parameters.push(("start", seconds(start)));
    parameters.push(("end", seconds(end)));
    parameters.push(("step", format!("{}", step_ms as f64 / 1000.0)));
    Ok(("/api/v1/query_range", parameters))
}

/// Returns an answer as a table, or as one small chart for each series.
fn readable(data: &Value) -> Vec<String> {
    let empty = Vec::new();
    match data["resultType"].as_str() {
        Some("scalar" | "string") => vec![text_of(&data["result"][1])],
        Some("vector") => {
            let results = data["result"].as_array().unwrap_or(&empty);
            let row = |it: &Value| vec![series_of(&it["metric"]), value_of(it)];
            let rows: Vec<_> = results.iter().map(row).collect();
            match rows.is_empty() {
                true => vec!["no data".to_owned()],
                false => table::aligned(&["series", "value"], &rows),
            }
        }
        _ => {
            let results = data["result"].as_array().unwrap_or(&empty);
            if results.is_empty() {
                return vec!["no data".to_owned()];
            }
            let times = times_of(results);
            results
                .iter()
                .flat_map(|series| charted(series, &times))
                .collect()
        }
    }
}

fn charted(series: &Value, times: &[f64]) -> [String; 2] {
    let mut values = vec![None; times.len()];
    for point in series["values"].as_array().into_iter().flatten() {
        let time = point[0].as_f64().unwrap_or_default();
        if let Ok(at) = times.binary_search_by(|known| known.total_cmp(&time)) {
            values[at] = text_of(&point[1]).parse::<f64>().ok();
        }
    }
    let known = || values.iter().flatten().copied();
    let (least, most) = known().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| {
        (a.min(v), b.max(v))
    });
    let last = known().next_back().unwrap_or(f64::NAN);
    let drawn = chart::spark(&values, CHART_WIDTH);
    [
        series_of(&series["metric"]),
        format!("  {drawn}  min {least} max {most} last {last}"),
    ]
}

fn times_of(results: &[Value]) -> Vec<f64> {
    let points = results
        .iter()
        .flat_map(|series| series["values"].as_array().into_iter().flatten());
    let mut times: Vec<f64> = points.filter_map(|point| point[0].as_f64()).collect();
    times.sort_by(f64::total_cmp);
    times.dedup();
    times
}

fn csv(data: &Value) -> Vec<String> {
    let mut lines = vec!["series,time,value".to_owned()];
    let quoted = |text: String| format!("\"{}\"", text.replace('"', "\"\""));
    match data["result"].as_array() {
        Some(pair) if data["resultType"] == "scalar" || data["resultType"] == "string" => {
            lines.push(format!(",{},{}", pair[0], text_of(&pair[1])));
        }
        results => {
            for series in results.into_iter().flatten() {
                let name = quoted(series_of(&series["metric"]));
                let points = series["values"].as_array().cloned();
                for point in points.unwrap_or_else(|| vec![series["value"].clone()]) {
                    lines.push(format!("{name},{},{}", point[0], text_of(&point[1])));
                }
            }
        }
    }
    lines
}

fn series_of(metric: &Value) -> String {
    let pairs = metric.as_object().into_iter().flatten();
    let labels = weft_model::Labels::from_pairs(pairs.map(|(name, value)| (name, text_of(value))));
    labels.to_string()
}

fn value_of(sample: &Value) -> String {
    match sample.get("histogram") {
        Some(pair) => format!("histogram, {} observations", text_of(&pair[1]["count"])),
        None => text_of(&sample["value"][1]),
    }
}

fn text_of(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(answer: &str, table: &[&str], separated: &[&str]) {
        let data: Value = serde_json::from_str(answer).unwrap();
        assert_eq!(readable(&data), table);
        assert_eq!(csv(&data), separated);
    }

    #[test]
    fn a_vector_is_a_table() {
        check(
            r#"{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"a"},"value":[1.5,"1"]}]}"#,
            &["series       value", r#"up{job="a"}      1"#],
            &["series,time,value", r#""up{job=""a""}",1.5,1"#],
        );
    }

    #[test]
    fn a_range_is_a_chart() {
        check(
            r#"{"resultType":"matrix","result":[{"metric":{"a":"b"},"values":[[1,"1"],[2,"3"]]}]}"#,
            &[r#"{a="b"}"#, "  ▁█  min 1 max 3 last 3"],
            &[
                "series,time,value",
                r#""{a=""b""}",1,1"#,
                r#""{a=""b""}",2,3"#,
            ],
        );
    }

    #[test]
    fn nothing_is_said_as_such() {
        check(
            r#"{"resultType":"vector","result":[]}"#,
            &["no data"],
            &["series,time,value"],
        );
        check(
            r#"{"resultType":"scalar","result":[1,"2"]}"#,
            &["2"],
            &["series,time,value", ",1,2"],
        );
    }
}
