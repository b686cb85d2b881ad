//! Queries over a minute of lines in memory, with the source counting and without.

use std::ops::ControlFlow;

use weft_matcher::LabelMatcher;
use weft_model::{Labels, Level};

use super::*;
use crate::source::{
    CountSelection, Direction, Entry, Found, SelectStats, Selection, Source, SourceError, StepCount,
};
use crate::{merge_categories, parse};

const SECOND: i64 = 1_000_000_000;

/// Lines in memory, in blocks of a few.
struct Lines {
    lines: Vec<(Labels, i64, String)>,
    /// Whether counts are answered, which must make no difference.
    counts: bool,
}

impl Lines {
    fn matching<'a>(&'a self, matchers: &[weft_model::Matcher]) -> Vec<&'a (Labels, i64, String)> {
        let matchers = LabelMatcher::compile_all(matchers).unwrap();
        let holds = |stream: &Labels| matchers.iter().all(|m| m.matches(stream.get(m.name())));
        self.lines
            .iter()
            .filter(|(stream, ..)| holds(stream))
            .collect()
    }
}

impl Source for Lines {
    fn select(
        &self,
        selection: &Selection<'_>,
        visit: &mut dyn FnMut(Found<'_>) -> ControlFlow<()>,
    ) -> Result<SelectStats, SourceError> {
        let mut lines = self.matching(selection.matchers);
        lines.retain(|(_, time, _)| {
            selection.range.start.0 <= *time && *time < selection.range.end.0
        });
        lines.sort_by_key(|(_, time, _)| *time);
        if selection.direction == Direction::Backward {
            lines.reverse();
        }
        let mut stats = SelectStats::default();
        for block in lines.chunks(3) {
            if visit(Found::Horizon(Nanos(block[0].1))).is_break() {
                return Ok(stats);
            }
            for (stream, time, line) in block.iter().rev() {
                stats.lines += 1;
                let entry = Entry {
                    time: Nanos(*time),
                    line,
                    metadata: &[],
                    level: None,
                };
                if visit(Found::Entry(stream, entry)).is_break() {
                    return Ok(stats);
                }
            }
        }
        Ok(stats)
    }

    fn counts(
        &self,
        selection: &CountSelection<'_>,
        visit: &mut dyn FnMut(&Labels, StepCount),
    ) -> Result<Option<SelectStats>, SourceError> {
        if !self.counts {
            return Ok(None);
        }
        for (stream, time, line) in self.matching(selection.matchers) {
            let step = (time - selection.steps.start.0).div_euclid(selection.steps.step);
            if (0..selection.steps.count as i64).contains(&step) {
                let count = StepCount {
                    step: step as usize,
                    level: Level::detect(stream, &[], line.as_bytes()),
                    lines: 1,
                    bytes: line.len() as u64,
                };
                visit(stream, count);
            }
        }
        Ok(Some(SelectStats::default()))
    }
}

/// One line per second from 1 to 60, turn by turn of two pods, with a number and a level.
fn minute(counts: bool) -> Lines {
    let line = |second: i64| {
        let pod = if second % 2 == 0 { "a" } else { "b" };
        let level = if second % 10 == 0 { "error" } else { "info" };
        let stream = Labels::from_pairs([("app", "web"), ("pod", pod)]);
        (
            stream,
            second * SECOND,
            format!("level={level} n={second} took={second}ms"),
        )
    };
    Lines {
        lines: (1..=60).map(line).collect(),
        counts,
    }
}

fn range(query: &str, step: i64, limit: usize, direction: Direction) -> Result<Answer, String> {
    let params = RangeParams {
        start: Nanos(20 * SECOND),
        end: Nanos(60 * SECOND),
        step: step * SECOND,
        limit,
        direction,
    };
    let expr = parse(query).unwrap();
    let ask = |counts: bool| {
        let lines = minute(counts);
        let engine = Engine::new(&lines, Limits::default(), &|| false);
        engine.range(&expr, &params).map_err(|e| e.to_string())
    };
    let (slow, fast) = (ask(false), ask(true));
    assert_eq!(
        slow.as_ref().map(|answer| &answer.value),
        fast.as_ref().map(|answer| &answer.value),
        "{query}"
    );
    slow
}

/// Shows series as `{labels} value@second …`.
fn shown(value: &Value) -> String {
    let series = match value {
        Value::Matrix(series) => series.clone(),
        Value::Vector(samples) => samples
            .iter()
            .map(|s| Series {
                labels: s.labels.clone(),
                points: vec![(s.time, s.value)],
            })
            .collect(),
        Value::Scalar(scalar) => return scalar.value.to_string(),
        Value::Streams(_) => panic!("lines"),
    };
    let point = |(time, value): &(Nanos, f64)| format!(" {value}@{}", time.0 / SECOND);
    let line = |s: &Series| {
        let points: String = s.points.iter().map(point).collect();
        format!("{}{points}", s.labels)
    };
    series.iter().map(line).collect::<Vec<_>>().join("; ")
}

fn check(query: &str, expected: &str) {
    let shown = match range(query, 20, 100, Direction::Backward) {
        Ok(answer) => shown(&answer.value),
        Err(error) => error,
    };
    assert_eq!(shown, expected, "{query}");
}

fn check_instant(query: &str, expected: &str) {
    let lines = minute(true);
    let engine = Engine::new(&lines, Limits::default(), &|| false);
    let shown = match engine.instant(&parse(query).unwrap(), Nanos(60 * SECOND)) {
        Ok(answer) => shown(&answer.value),
        Err(error) => error.to_string(),
    };
    assert_eq!(shown, expected, "{query}");
}

#[test]
fn the_health_check_of_grafana_is_one_sample_of_value_two() {
    check_instant("vector(1)+vector(1)", "{} 2@60");
    check_instant("1 + 2 * 3", "7");
    check("vector(1)", "{} 1@20 1@40 1@60");
}

#[test]
fn lines_are_limited_globally_and_sorted_by_direction() {
    for (direction, expected) in [
        (Direction::Backward, [59, 58, 57]),
        (Direction::Forward, [20, 21, 22]),
    ] {
        let answer = range(r#"{app="web"} | logfmt | n > 0"#, 1, 3, direction).unwrap();
        assert!(answer.truncated);
        assert!(answer.stats.lines < 12, "stops early");
        let Value::Streams(streams) = answer.value else {
            panic!("streams")
        };
        assert_eq!(streams.len(), 2);
        let mut seconds = Vec::new();
        for stream in &streams {
            let times: Vec<i64> = stream.entries.iter().map(|e| e.time.0 / SECOND).collect();
            let sorted = match direction {
                Direction::Backward => times.is_sorted_by(|a, b| a >= b),
                Direction::Forward => times.is_sorted(),
            };
            assert!(sorted);
            seconds.extend(times);
        }
        seconds.sort_by_key(|second| expected.iter().position(|e| e == second));
        assert_eq!(seconds, expected);
        let merged = merge_categories(streams);
        assert_eq!(merged.len(), 3, "each line has its own n");
    }
}

#[test]
fn all_lines_are_found_when_the_limit_allows() {
    let answer = range(r#"{pod="a"} |= "error""#, 1, 100, Direction::Backward).unwrap();
    assert!(!answer.truncated);
    let Value::Streams(streams) = answer.value else {
        panic!("streams")
    };
    assert_eq!(streams[0].entries.len(), 4);
    assert_eq!(
        streams[0].entries[0].metadata.get("detected_level"),
        "error"
    );
}

#[test]
fn counts_and_rates_cover_windows_closed_at_their_end() {
    check(
        r#"sum(count_over_time({app="web"}[10s]))"#,
        "{} 10@20 10@40 10@60",
    );
    check(
        r#"sum(count_over_time({app="web"}[30s]))"#,
        "{} 20@20 30@40 30@60",
    );
    check(
        r#"sum by (pod) (count_over_time({app="web"}[20s]))"#,
        r#"{pod="a"} 10@20 10@40 10@60; {pod="b"} 10@20 10@40 10@60"#,
    );
    check(
        r#"sum by (level, detected_level) (count_over_time({app="web"} | drop __error__[20s]))"#,
        r#"{detected_level="error"} 2@20 2@40 2@60; {detected_level="info"} 18@20 18@40 18@60"#,
    );
    check(
        r#"sum(rate({app="web"} |= "error" [20s]))"#,
        "{} 0.1@20 0.1@40 0.1@60",
    );
    check(
        r#"sum(bytes_over_time({pod="a"} |= "n=20 " [20s] offset 20s))"#,
        "{} 26@40",
    );
    check(r#"sum(count_over_time({app="none"}[20s]))"#, "");
    check(
        r#"count_over_time({pod="a"} |= "error" [20s])"#,
        r#"{app="web", detected_level="error", pod="a"} 2@20 2@40 2@60"#,
    );
    check(
        r#"absent_over_time({app="none"}[20s])"#,
        r#"{app="none"} 1@20 1@40 1@60"#,
    );
    check(r#"absent_over_time({app="web"}[20s])"#, "");
}

#[test]
fn unwrapped_values_are_aggregated() {
    let over = |op: &str| format!(r#"{op}{{pod="a"}} | logfmt | unwrap n [20s]) by (app)"#);
    check(&over("max_over_time("), r#"{app="web"} 20@20 40@40 60@60"#);
    check(&over("min_over_time("), r#"{app="web"} 2@20 22@40 42@60"#);
    check(&over("avg_over_time("), r#"{app="web"} 11@20 31@40 51@60"#);
    check(&over("first_over_time("), r#"{app="web"} 2@20 22@40 42@60"#);
    check(&over("last_over_time("), r#"{app="web"} 20@20 40@40 60@60"#);
    check(
        &over("stdvar_over_time("),
        r#"{app="web"} 33@20 33@40 33@60"#,
    );
    check(
        &over("quantile_over_time(0.5, "),
        r#"{app="web"} 11@20 31@40 51@60"#,
    );
    check(
        r#"sum(sum_over_time({pod="a"} | logfmt | unwrap duration(took) [20s]))"#,
        "{} 0.11@20 0.31@40 0.51@60",
    );
    check(
        r#"sum(rate({pod="a"} | logfmt | unwrap n [20s]))"#,
        "{} 5.5@20 15.5@40 25.5@60",
    );
    check(
        r#"sum(sum_over_time({pod="a"} | logfmt | unwrap missing [20s]))"#,
        "",
    );
}

#[test]
fn a_line_with_an_error_fails_a_metric_unless_it_is_filtered() {
    let query = r#"sum(sum_over_time({pod="a"} | logfmt | unwrap level [20s]))"#;
    let error = range(query, 20, 100, Direction::Backward).unwrap_err();
    assert!(
        error.starts_with("pipeline error: 'SampleExtractionErr' for series:"),
        "{error}"
    );
    check(
        r#"sum(sum_over_time({pod="a"} | logfmt | unwrap level | __error__="" [20s]))"#,
        "",
    );
    check(
        r#"sum(count_over_time({pod="a"} | json | __error__="" [20s]))"#,
        "",
    );
    check(
        r#"sum(count_over_time({pod="a"} | json | drop __error__, __error_details__ [20s]))"#,
        "{} 10@20 10@40 10@60",
    );
}

#[test]
fn vectors_are_aggregated_and_matched() {
    let pods = r#"sum by (pod) (count_over_time({app="web"} | logfmt | n > 30 [20s]))"#;
    check(pods, r#"{pod="a"} 5@40 10@60; {pod="b"} 5@40 10@60"#);
    check(&format!("count({pods})"), "{} 2@40 2@60");
    check(
        &format!("avg({pods})"),
        "{} 7.5".replace("7.5", "5@40 10@60").as_str(),
    );
    check(&format!("topk(1, {pods})"), r#"{pod="a"} 5@40 10@60"#);
    check(
        &format!("{pods} > 7"),
        r#"{pod="a"} 10@60; {pod="b"} 10@60"#,
    );
    check(
        &format!("{pods} > bool 7"),
        r#"{pod="a"} 0@40 1@60; {pod="b"} 0@40 1@60"#,
    );
    check(
        &format!("2 * {pods} - {pods}"),
        r#"{pod="a"} 5@40 10@60; {pod="b"} 5@40 10@60"#,
    );
    let a = r#"sum by (pod) (count_over_time({pod="a"}[20s]))"#;
    check(&format!("{pods} and {a}"), r#"{pod="a"} 5@40 10@60"#);
    check(&format!("{pods} unless {a}"), r#"{pod="b"} 5@40 10@60"#);
    check(
        &format!("{a} or {pods}"),
        r#"{pod="a"} 10@20 10@40 10@60; {pod="b"} 5@40 10@60"#,
    );
    check(
        &format!("{pods} / on () group_left () sum({pods})"),
        r#"{pod="a"} 0.5@40 0.5@60; {pod="b"} 0.5@40 0.5@60"#,
    );
    check(
        &format!("sum({pods}) / on () {pods}"),
        "found duplicate series on the right hand-side;many-to-many matching not allowed: matching labels must be unique on one side",
    );
    check(
        &format!("label_replace({a}, \"x\", \"<$1>\", \"pod\", \"(.*)\")"),
        r#"{pod="a", x="<a>"} 10@20 10@40 10@60"#,
    );
}

#[test]
fn instant_vectors_are_sorted_when_asked() {
    let query = |op: &str| {
        format!(r#"{op}(sum by (detected_level) (count_over_time({{app="web"}}[60s])))"#)
    };
    check_instant(
        &query("sort"),
        r#"{detected_level="error"} 6@60; {detected_level="info"} 54@60"#,
    );
    check_instant(
        &query("sort_desc"),
        r#"{detected_level="info"} 54@60; {detected_level="error"} 6@60"#,
    );
    check_instant(
        r#"{app="web"}"#,
        "log queries are not supported as an instant query type, please change your query to a range query type",
    );
}

#[test]
fn limits_and_cancellation_end_a_query() {
    let lines = minute(false);
    let params = RangeParams {
        start: Nanos(0),
        end: Nanos(61 * SECOND),
        step: SECOND,
        limit: 10,
        direction: Direction::Backward,
    };
    let ask = |query: &str, limits: Limits, cancelled: bool| {
        let cancel = || cancelled;
        let engine = Engine::new(&lines, limits, &cancel);
        engine
            .range(&parse(query).unwrap(), &params)
            .unwrap_err()
            .to_string()
    };
    let limits = Limits::default();
    let few = Limits {
        series_max: 5,
        entries_max: 5,
        bytes_max: 100,
        ..limits
    };
    let by_n = r#"sum by (n) (count_over_time({app="web"} | logfmt [5s]))"#;
    assert!(
        ask(
            by_n,
            Limits {
                series_max: 5,
                ..limits
            },
            false
        )
        .starts_with("maximum number of series (5)")
    );
    assert!(ask("{}", few, false).starts_with("max entries limit per query exceeded"));
    assert!(ask(by_n, few, false).starts_with("the query would read too many bytes"));
    assert!(
        ask(
            by_n,
            Limits {
                points_max: 100,
                ..limits
            },
            false
        )
        .contains("more than 100 samples")
    );
    assert_eq!(ask("{}", limits, true), "query cancelled");
    assert_eq!(ask(by_n, limits, true), "query cancelled");
}
