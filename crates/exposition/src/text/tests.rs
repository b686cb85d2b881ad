use expect_test::{Expect, expect};
use proptest::prelude::*;
use weft_model::{Labels, Millis};

use super::*;

/// Writes down what a body says, one line each.
fn told(dialect: Dialect, body: &str) -> String {
    let mut told = String::new();
    for line in Parser::new(dialect, body.as_bytes()) {
        told += &match line {
            Err(error) => format!("error: {error}\n"),
            Ok(Line::End) => "end\n".to_owned(),
            Ok(Line::Kind { name, kind }) => format!("kind {name} {}\n", kind.as_str()),
            Ok(Line::Help { name, text }) => format!("help {name} {text:?}\n"),
            Ok(Line::Unit { name, unit }) => format!("unit {name} {unit}\n"),
            Ok(Line::Sample(sample)) => told_sample(&sample),
        };
    }
    told
}

fn told_sample(sample: &SampleLine<'_>) -> String {
    let series = match sample.labels() {
        Ok(labels) => labels.to_string(),
        Err(problem) => format!("({problem})"),
    };
    let time = sample
        .time
        .map_or(String::new(), |time| format!(" at {}", time.0));
    let exemplar = sample.exemplar.as_ref().map_or(String::new(), |text| {
        let exemplar = text.decode(Millis(7)).unwrap();
        format!(
            " such as {} {} at {}",
            exemplar.labels, exemplar.value, exemplar.time.0
        )
    });
    format!("{series} = {}{time}{exemplar}\n", sample.value)
}

fn check(dialect: Dialect, body: &str, expected: Expect) {
    expected.assert_eq(&told(dialect, body));
}

#[test]
fn prometheus_text_is_read() {
    check(
        Dialect::Prometheus,
        "# HELP http_requests_total All \\\\ requests.\\nReally.\n\
         # TYPE http_requests_total counter\n\
         http_requests_total{method=\"post\",code=\"200\"} 1027 1395066363000\n\
         http_requests_total { path=\"C:\\\\DIR\\n\\\"x\\\"\\q\", } 3\r\n\
         # just a remark\n\
         \n\
         \t  up 1\n\
         temperature{} -1.5e-3\n\
         a NaN\n\
         b +Inf\n\
         c -Inf -4\n\
         {\"my.metric\",\"my.label\"=\"}\"} 0",
        expect![[r#"
            help http_requests_total "All \\ requests.\nReally."
            kind http_requests_total counter
            http_requests_total{code="200", method="post"} = 1027 at 1395066363000
            http_requests_total{path="C:\\DIR\n\"x\"\\q"} = 3
            up = 1
            temperature = -0.0015
            a = NaN
            b = inf
            c = -inf at -4
            my.metric{my.label="}"} = 0
        "#]],
    );
}

#[test]
fn openmetrics_is_read() {
    check(
        Dialect::OpenMetrics,
        "# TYPE latency_seconds histogram\n\
         # UNIT latency_seconds seconds\n\
         latency_seconds_bucket{le=\"1.0\"} 5 1520879607.789 # {trace_id=\"x}\"} 0.5 1520879607.1\n\
         latency_seconds_count 5 # {} 2\n\
         # EOF\n",
        expect![[r#"
            kind latency_seconds histogram
            unit latency_seconds seconds
            latency_seconds_bucket{le="1.0"} = 5 at 1520879607789 such as {trace_id="x}"} 0.5 at 1520879607100
            latency_seconds_count = 5 such as {} 2 at 7
            end
        "#]],
    );
}

#[test]
fn a_line_that_cannot_be_read_is_an_error_of_its_own() {
    check(
        Dialect::Prometheus,
        "up\n\
         up x\n\
         up{a=\"b} 1\n\
         up 1 now\n\
         up 1 2 3\n\
         up 1 # {} 1\n\
         # TYPE up thing\n\
         # HELP\n\
         {} 1\n\
         up{a=b} 1\n\
         up{a=\"1\" b=\"2\"} 1\n\
         up{a=\"1\",a=\"2\"} 1\n\
         up 1\n",
        expect![[r#"
            error: read line 1: a value is expected
            error: read line 2: a value is expected
            error: read line 3: the labels do not end
            error: read line 4: a timestamp is expected
            error: read line 5: the line goes on after its end
            error: read line 6: the line goes on after its end
            error: read line 7: the metric type is unknown
            error: read line 8: the description is malformed
            error: read line 9: a metric name is expected
            (a label is malformed) = 1
            (a label is malformed) = 1
            (a label's name occurs twice) = 1
            up = 1
        "#]],
    );
}

#[test]
fn a_body_in_pieces_is_cut_at_line_breaks() {
    assert_eq!(whole_lines(b"a 1\nb 2\nc"), (&b"a 1\nb 2\n"[..], &b"c"[..]));
    assert_eq!(whole_lines(b"a 1\n"), (&b"a 1\n"[..], &b""[..]));
    assert_eq!(whole_lines(b"a"), (&b""[..], &b"a"[..]));
}

#[test]
fn what_is_written_is_text_exposition() {
    let mut out = String::new();
    let mut writer = Writer::new(Dialect::Prometheus, &mut out);
    writer.family("up", MetricKind::Gauge, "Is it\nup?");
    writer.sample("up", [("__name__", "up"), ("job", "a\"b")], 1.0, None);
    writer.sample("up", [], 1e21, Some(Millis(-5)));
    writer.family("my.info", MetricKind::Info, "");
    writer.sample("my.info", [("my.label", "x")], f64::NEG_INFINITY, None);
    writer.end();
    expect![[r#"
        # HELP up Is it\nup?
        # TYPE up gauge
        up{job="a\"b"} 1
        up 1e21 -5
        # TYPE "my.info" gauge
        {"my.info","my.label"="x"} -Inf
    "#]]
    .assert_eq(&out);
}

proptest! {
    #[test]
    fn what_is_written_reads_back(
        name in "[a-z.]{1,6}",
        pairs in proptest::collection::btree_map("[a-z./]{1,4}", "\\PC{1,9}", 0..4),
        value in proptest::num::f64::ANY,
        time in proptest::option::of(-1i64 << 50..1i64 << 50),
        dialect in prop::sample::select(vec![Dialect::Prometheus, Dialect::OpenMetrics]),
    ) {
        let mut out = String::new();
        let labels = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut writer = Writer::new(dialect, &mut out);
        writer.family(&name, MetricKind::Counter, "Some \"help\".");
        writer.sample(&name, labels.clone(), value, time.map(Millis));
        writer.end();
        let lines: Vec<_> =
            Parser::new(dialect, out.as_bytes()).collect::<Result<_, _>>().unwrap();
        let Line::Sample(sample) = &lines[2] else { panic!("no sample in {out}") };
        let expected = Labels::from_pairs(labels.chain([("__name__", name.as_str())]));
        prop_assert_eq!(sample.labels().unwrap(), expected);
        prop_assert!(sample.value == value || sample.value.is_nan() && value.is_nan());
        prop_assert_eq!(sample.time, time.map(Millis));
    }

    #[test]
    fn any_bytes_are_lines_or_errors(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        for dialect in [Dialect::Prometheus, Dialect::OpenMetrics] {
            for line in Parser::new(dialect, &bytes) {
                if let Ok(Line::Sample(sample)) = line {
                    let _ = sample.labels();
                }
            }
        }
    }

    #[test]
    fn any_line_of_the_alphabet_is_a_line_or_an_error(text in "[a{}\",=\\\\ #1.\n]{0,40}") {
        for dialect in [Dialect::Prometheus, Dialect::OpenMetrics] {
            for line in Parser::new(dialect, text.as_bytes()) {
                if let Ok(Line::Sample(sample)) = line {
                    let _ = sample.labels();
                }
            }
        }
    }
}
