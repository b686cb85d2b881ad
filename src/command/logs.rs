//! `weft logs`: prints log lines, oldest first; with `-f` also those that come.
//!
//! Following asks again every half second for the last seconds, and prints what it has not printed
//! yet: so a line that arrives a little late is not missed. Bound: the lines of the last 10 s.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use weft_model::{Labels, Nanos};
use weft_stdx::{Clock, text};

use crate::args::Logs;
use crate::exit::Exit;
use crate::http;
use crate::print;

const PATH: &str = "/loki/api/v1/query_range";
const POLL_EVERY: Duration = Duration::from_millis(500);
/// How far back following looks again for lines that arrived late.
const OVERLAP_NS: i64 = 10_000_000_000;
const FOLLOW_LINES_MAX: &str = "5000";

/// One line, with what makes it that line.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Line {
    nanos: i64,
    stream: String,
    text: String,
}

pub(crate) async fn run(logs: &Logs, clock: &Clock) -> Result<Exit> {
    let query = logql_of(&logs.query.join(" "));
    let since = text::parse_duration(&logs.since).with_context(|| {
        format!(
            "--since {}: is not a duration such as 15m or 1h",
            logs.since
        )
    })?;
    let now = clock.nanos();
    let start = now.saturating_sub(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX));
    let document = ask(logs, &query, start, now, &logs.limit.to_string()).await?;
    if logs.asking.json && !logs.follow {
        print::line(&document.to_string());
        return Ok(Exit::Done);
    }
    if document["data"]["resultType"] != "streams" {
        bail!("this is a metric query: use `weft query`, or --json to see the answer");
    }
    let lines = lines_of(&document);
    lines
        .iter()
        .for_each(|line| print_line(line, logs.asking.json));
    match logs.follow {
        true => follow(logs, &query, lines, clock).await,
        false => Ok(Exit::Done),
    }
}

async fn follow(logs: &Logs, query: &str, printed: Vec<Line>, clock: &Clock) -> Result<Exit> {
    let mut seen: HashSet<Line> = printed.into_iter().collect();
    let mut stop = std::pin::pin!(weft_runtime::shutdown::asked_by_signal());
    let begun = clock.nanos();
    loop {
        tokio::select! {
            stopped = &mut stop => return stopped.map(|()| Exit::Done).context("wait for Ctrl-C"),
            () = tokio::time::sleep(POLL_EVERY) => {}
        }
        let now = clock.nanos();
        let start = (now - OVERLAP_NS).max(begun);
        let document = ask(logs, query, start, now, FOLLOW_LINES_MAX).await?;
        for line in lines_of(&document) {
            if !seen.contains(&line) {
                print_line(&line, logs.asking.json);
                seen.insert(line);
            }
        }
        seen.retain(|line| line.nanos >= now - 2 * OVERLAP_NS);
    }
}

async fn ask(logs: &Logs, query: &str, start: i64, end: i64, limit: &str) -> Result<Value> {
    let (start, end) = (start.to_string(), end.to_string());
    let parameters = [
        ("query", query),
        ("start", &start),
        ("end", &end),
        ("limit", limit),
        ("direction", "backward"),
    ];
    let answer = http::get(&logs.asking.url, PATH, &parameters).await?;
    let said = String::from_utf8_lossy(&answer.body);
    match serde_json::from_slice::<Value>(&answer.body) {
        Ok(document) if answer.status == 200 => Ok(document),
        Ok(document) if document["message"].is_string() => {
            bail!("{}", document["message"].as_str().unwrap_or_default())
        }
        _ => bail!("status {}: {}", answer.status, said.trim()),
    }
}

/// Returns words as a query for lines that contain each of them; a query stays as it is.
fn logql_of(typed: &str) -> String {
    let typed = typed.trim();
    let is_query = typed.contains('{') || typed.contains('(');
    if is_query {
        return typed.to_owned();
    }
    let filters = typed.split_whitespace().map(|word| format!(" |= {word:?}"));
    format!("{{}}{}", filters.collect::<String>())
}

/// Returns all lines, oldest first.
fn lines_of(document: &Value) -> Vec<Line> {
    let mut lines = Vec::new();
    for stream in document["data"]["result"].as_array().into_iter().flatten() {
        let pairs = stream["stream"].as_object().into_iter().flatten();
        let pairs = pairs.map(|(name, value)| (name, value.as_str().unwrap_or_default()));
        let labels = Labels::from_pairs(pairs).to_string();
        for entry in stream["values"].as_array().into_iter().flatten() {
            let nanos = entry[0]
                .as_str()
                .and_then(|it| it.parse().ok())
                .unwrap_or_default();
            let text = entry[1].as_str().unwrap_or_default().to_owned();
            lines.push(Line {
                nanos,
                stream: labels.clone(),
                text,
            });
        }
    }
    lines.sort();
    lines
}

fn print_line(line: &Line, as_json: bool) {
    let text = line.text.trim_end_matches('\n');
    let time = Nanos(line.nanos);
    print::line(&match as_json {
        true => {
            serde_json::json!({ "time": time.to_string(), "stream": line.stream, "line": text })
                .to_string()
        }
        false => format!("{time} {} {text}", line.stream),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_line_filters_and_queries_stay() {
        assert_eq!(logql_of(""), "{}");
        assert_eq!(logql_of("timeout db\"1"), r#"{} |= "timeout" |= "db\"1""#);
        assert_eq!(logql_of(r#"{a="b"} |= "x""#), r#"{a="b"} |= "x""#);
    }

    #[test]
    fn lines_of_all_streams_come_in_order_of_time() {
        let document = serde_json::json!({"data": {"result": [
            {"stream": {"a": "1"}, "values": [["3", "third"], ["1", "first"]]},
            {"stream": {"a": "2"}, "values": [["2", "second"]]},
        ]}});
        let texts: Vec<_> = lines_of(&document)
            .into_iter()
            .map(|line| line.text)
            .collect();
        assert_eq!(texts, ["first", "second", "third"]);
    }
}
