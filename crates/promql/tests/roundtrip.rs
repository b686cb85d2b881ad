//! Whatever is made of the grammar prints to what parses to the same, and no text panics.

use proptest::prelude::*;
use weft_promql::{parse, pretty};

fn name() -> impl Strategy<Value = String> {
    "[a-z_][a-z0-9_:]{0,6}".prop_filter("a word with a meaning", |name| {
        let taken = [
            "bool",
            "on",
            "ignoring",
            "group_left",
            "group_right",
            "by",
            "without",
            "offset",
            "and",
            "or",
            "unless",
            "atan2",
            "inf",
            "nan",
            "start",
            "end",
            "anchored",
            "smoothed",
        ];
        !taken.contains(&name.as_str()) && parse(name).is_ok()
    })
}

fn duration() -> impl Strategy<Value = String> {
    prop_oneof![
        "[1-9][0-9]{0,2}(ms|s|m|h|d|w|y)",
        Just("1h30m".to_owned()),
        Just("step() * 2".to_owned()),
        Just("max(step(), 5m)".to_owned()),
        Just("(2 + 3) * 1m".to_owned()),
    ]
}

fn selector() -> impl Strategy<Value = String> {
    let matcher = (
        "[a-z_]{1,5}",
        prop_oneof![Just("="), Just("!="), Just("=~")],
        "[a-z.]{1,5}",
    )
        .prop_map(|(label, op, value)| format!("{label}{op}\"{value}\""));
    (name(), proptest::collection::vec(matcher, 0..3))
        .prop_map(|(name, matchers)| format!("{name}{{{}}}", matchers.join(", ")))
}

fn modified() -> impl Strategy<Value = String> {
    let tail = prop_oneof![
        Just(String::new()),
        (1..1000i64).prop_map(|at| format!(" @ {at}")),
        Just(" @ end()".to_owned()),
        "[1-9](s|m)".prop_map(|offset| format!(" offset {offset}")),
        "[1-9](s|m)".prop_map(|offset| format!(" offset -{offset} @ start()")),
    ];
    (selector(), tail).prop_map(|(selector, tail)| format!("{selector}{tail}"))
}

fn vector() -> impl Strategy<Value = String> {
    modified().prop_recursive(4, 24, 3, |inner| {
        let op = prop_oneof![
            Just("+"),
            Just("-"),
            Just("*"),
            Just("/"),
            Just("^"),
            Just("%"),
            Just("=="),
            Just("> bool"),
            Just("and"),
            Just("or"),
            Just("unless on (a)"),
            Just("atan2"),
            Just("+ on (a) group_left (b)"),
            Just("- ignoring (a, b)"),
            Just("* fill (0)"),
            Just("</"),
            Just(">/"),
        ];
        prop_oneof![
            (inner.clone(), op, inner.clone()).prop_map(|(l, op, r)| format!("{l} {op} {r}")),
            inner.clone().prop_map(|inner| format!("({inner})")),
            inner.clone().prop_map(|inner| format!("-{inner}")),
            inner
                .clone()
                .prop_map(|inner| format!("sum by (a, b) ({inner})")),
            inner
                .clone()
                .prop_map(|inner| format!("topk(3, {inner}) without (c)")),
            inner.clone().prop_map(|inner| format!("abs({inner})")),
            (selector(), duration()).prop_map(|(s, range)| format!("rate({s}[{range}])")),
            (inner, duration()).prop_map(|(s, range)| format!("avg_over_time(({s})[{range}:])")),
        ]
    })
}

proptest! {
    #[test]
    fn printing_reads_back(query in vector()) {
        let Ok(parsed) = parse(&query) else {
            return Ok(());
        };
        let printed = parsed.to_string();
        let again = parse(&printed).map_err(|e| TestCaseError::fail(format!("{printed}: {e}")))?;
        prop_assert_eq!(again.to_string(), printed.clone());
        let pretty = pretty(&parsed);
        let again = parse(&pretty).map_err(|e| TestCaseError::fail(format!("{pretty}: {e}")))?;
        prop_assert_eq!(again.to_string(), printed);
    }

    #[test]
    fn most_of_what_is_made_parses(query in modified()) {
        prop_assert!(parse(&query).is_ok(), "{}", query);
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,60}") {
        let _ = parse(&text);
    }

    #[test]
    fn no_mix_of_tokens_panics(words in proptest::collection::vec(prop_oneof![
        Just("sum"), Just("("), Just(")"), Just("["), Just("]"), Just("{"), Just("}"), Just(":"),
        Just("foo"), Just("5m"), Just("1"), Just("\"x\""), Just("="), Just("@"), Just("offset"),
        Just("by"), Just("on"), Just("fill"), Just("-"), Just("or"), Just(","), Just("start"),
        Just("rate"), Just("step"), Just("smoothed"), Just("</"), Just("\\"), Just("é"),
    ], 0..14)) {
        let _ = parse(&words.join(" "));
    }
}
