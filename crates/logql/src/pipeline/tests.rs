//! What each stage makes of one line.

use weft_model::{Labels, Nanos};

use super::*;
use crate::parse::parse_log;

/// Runs one line through stages; returns the line and its labels beside those of the stream.
fn run(stages: &str, line: &str) -> Option<String> {
    let pipeline = Pipeline::compile(&parse_log(&format!("{{app=\"web\"}} {stages}")).unwrap());
    let stream = Labels::from_pairs([("app", "web"), ("env", "prod")]);
    let entry = Entry {
        time: Nanos(1_000_000_000),
        line,
        metadata: &[("trace", "t1")],
        level: None,
    };
    let (labels, entry) = pipeline.unwrap().process(&stream, entry)?;
    let mut shown = entry.line;
    let without = |labels: &Labels, names: &[&str]| labels.filtered(|name| !names.contains(&name));
    if labels != stream {
        shown += &format!(" stream{labels}");
    }
    let metadata = without(&entry.metadata, &["detected_level"]);
    if metadata != Labels::from_pairs([("trace", "t1")]) {
        shown += &format!(" metadata{metadata}");
    }
    let parsed = without(&entry.parsed, &["__error_details__"]);
    if !parsed.is_empty() {
        shown += &format!(" parsed{parsed}");
    }
    Some(shown)
}

fn check(stages: &str, line: &str, expected: &str) {
    let shown = run(stages, line);
    assert_eq!(
        shown.as_deref().unwrap_or("(filtered)"),
        expected,
        "{stages} on {line}"
    );
}

#[test]
fn line_filters_keep_what_matches() {
    check(r#"|= "an" != "x""#, "banana", "banana");
    check(r#"|= "x" or "nan""#, "banana", "banana");
    check(r#"!= "x" or "nan""#, "banana", "(filtered)");
    check(r#"|~ "^b.n""#, "banana", "banana");
    check(r#"|~ "(?i)BAN""#, "banana", "banana");
    check(r#"!~ "a$""#, "banana", "(filtered)");
    check(
        r#"|= ip("10.0.0.0/8")"#,
        "from 10.1.2.3:80",
        "from 10.1.2.3:80",
    );
    check(r#"|> "<_>=<_>""#, "a=b", "a=b");
    check(r#"|= """#, "", "");
}

#[test]
fn json_is_flattened() {
    check(
        "| json",
        r#"{"a":1,"b":{"c":"x\ny","d-e":true},"f":[1],"g":null,"app":"other","a":2}"#,
        r#"{"a":1,"b":{"c":"x\ny","d-e":true},"f":[1],"g":null,"app":"other","a":2} parsed{a="1", app_extracted="other", b_c="x\ny", b_d_e="true"}"#,
    );
    check(
        r#"| json x="b.c", y="f[1]", z="q""#,
        r#"{"b":{"c":"v"},"f":[1,{"k":2}]}"#,
        r#"{"b":{"c":"v"},"f":[1,{"k":2}]} parsed{x="v", y="{\"k\":2}"}"#,
    );
    check(
        "| json",
        "not json",
        r#"not json parsed{__error__="JSONParserErr"}"#,
    );
    check(
        "| json",
        r#"{"a":"#,
        r#"{"a": parsed{__error__="JSONParserErr"}"#,
    );
    check(r#"| json | __error__="""#, "not json", "(filtered)");
    check(
        "| unpack",
        r#"{"_entry":"the line","pod":"p"}"#,
        r#"the line parsed{pod="p"}"#,
    );
}

#[test]
fn logfmt_regexp_and_pattern_extract() {
    check(
        "| logfmt",
        r#"a=1 b="x y" c d= =e f"#,
        r#"a=1 b="x y" c d= =e f parsed{a="1", b="x y"}"#,
    );
    check(
        "| logfmt --strict",
        "a=1 =b",
        r#"a=1 =b parsed{__error__="LogfmtParserErr", a="1"}"#,
    );
    check(
        r#"| logfmt x="a", trace"#,
        "a=1 trace=2",
        r#"a=1 trace=2 parsed{trace_extracted="2", x="1"}"#,
    );
    check(
        r#"| regexp "(?P<n>\\d+)ms""#,
        "took 15ms",
        r#"took 15ms parsed{n="15"}"#,
    );
    check(
        r#"| pattern "<m> <_> <s>""#,
        "GET /a 200",
        r#"GET /a 200 parsed{m="GET", s="200"}"#,
    );
}

#[test]
fn label_filters_compare_text_numbers_durations_and_sizes() {
    let line = "n=15 d=250ms s=5KB t=x";
    for (filter, passes) in [
        ("n > 14", true),
        ("n >= 15 and n < 16", true),
        ("n == 15.0", true),
        ("n != 15", false),
        ("d < 1s", true),
        ("s >= 5000B", true),
        ("missing > 1", false),
        ("missing = \"\"", true),
        ("t =~ \"x|y\" or n > 100", true),
        ("t = \"y\", n = 15", false),
        ("env = \"prod\"", true),
        ("trace = \"t1\"", true),
    ] {
        let shown = run(&format!("| logfmt | {filter}"), line);
        assert_eq!(shown.is_some(), passes, "{filter}");
    }
    check(
        "| logfmt | t > 1",
        "t=x",
        r#"t=x parsed{__error__="LabelFilterErr", t="x"}"#,
    );
}

#[test]
fn labels_and_lines_are_rewritten() {
    check(
        r#"| logfmt | line_format "{{.a}}-{{.app}}-{{.nope}}""#,
        "a=1",
        r#"1-web- parsed{a="1"}"#,
    );
    check(
        "| label_format service=app",
        "x",
        r#"x stream{env="prod"} parsed{service="web"}"#,
    );
    check(
        r#"| label_format env="{{.env | ToUpper}}""#,
        "x",
        r#"x stream{app="web"} parsed{env="PROD"}"#,
    );
    check(
        "| drop env, trace",
        "x",
        r#"x stream{app="web"} metadata{}"#,
    );
    check(r#"| drop env="dev""#, "x", "x");
    check(
        "| logfmt | keep app, a",
        "a=1 b=2",
        r#"a=1 b=2 stream{app="web"} metadata{} parsed{a="1"}"#,
    );
    check("| json | drop __error__, __error_details__", "bad", "bad");
    check("| decolorize", "\u{1b}[31mred\u{1b}[0m end", "red end");
    check(
        r#"| line_format "{{ div 1 0 }}""#,
        "x",
        r#"x parsed{__error__="TemplateFormatErr"}"#,
    );
}

#[test]
fn the_level_is_detected_unless_it_is_known() {
    let level = |stages: &str, line: &str| {
        let log = parse_log(&format!("{{app=\"web\"}} {stages}")).unwrap();
        let stream = Labels::from_pairs([("app", "web")]);
        let entry = Entry {
            time: Nanos(0),
            line,
            metadata: &[],
            level: None,
        };
        let (_, entry) = Pipeline::compile(&log)
            .unwrap()
            .process(&stream, entry)
            .unwrap();
        entry.metadata.get("detected_level").to_owned()
    };
    assert_eq!(level("", "level=warn x"), "warn");
    assert_eq!(level("", "nothing"), "unknown");
    assert_eq!(level(r#"| detected_level="error""#, "ERROR x"), "error");
}
