//! Queries, what they print as and how they fail; the cases are in tests/data/logql.

use proptest::prelude::*;

use super::*;
use crate::pretty;

/// Reads the cases of a file: a query, then `=` and how it prints or `!` and its error.
fn cases() -> Vec<(String, String)> {
    let text = include_str!("../../../../tests/data/logql/parse.txt");
    let mut cases = Vec::new();
    let mut query = String::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if line.starts_with(['=', '!']) {
            cases.push((std::mem::take(&mut query), line.to_owned()));
        } else if !line.is_empty() {
            query = line.to_owned();
        }
    }
    cases
}

#[test]
fn queries_print_and_fail_as_the_file_says() {
    let cases = cases();
    assert!(cases.len() > 40);
    for (query, expected) in cases {
        let outcome = match parse(&query) {
            Ok(expr) => format!("={expr}"),
            Err(error) => format!("!{error}"),
        };
        assert_eq!(outcome, expected, "{query}");
    }
}

#[test]
fn what_is_printed_parses_to_the_same() {
    for (query, _) in cases() {
        let Ok(expr) = parse(&query) else { continue };
        assert_eq!(parse(&expr.to_string()).as_ref(), Ok(&expr), "{expr}");
        let laid_out = pretty(&expr);
        assert_eq!(parse(&laid_out).as_ref(), Ok(&expr), "{laid_out}");
    }
}

#[test]
fn long_queries_are_broken_up_and_still_the_same() {
    let log = format!(
        "{{app=\"web\"}} |= \"{}\" | json | status >= 500",
        "x".repeat(90)
    );
    let sum = format!("sum by (a) (rate({log} [5m]))");
    for query in [
        log.clone(),
        format!("{sum} / on (a) group_left () topk(5, {sum}) > bool 3"),
        format!("label_replace({sum}, \"a\", \"b\", \"c\", \"d\")"),
        format!("quantile_over_time(0.5, {log} | unwrap bytes(x) | y=\"z\" [5m]) by (b)"),
    ] {
        let expr = parse(&query).unwrap();
        let laid_out = pretty(&expr);
        assert!(laid_out.lines().count() > 1, "{laid_out}");
        assert_eq!(parse(&laid_out), Ok(expr), "{laid_out}");
    }
}

#[test]
fn nesting_and_length_are_bounded() {
    let deep = "(".repeat(100_000) + "1" + &")".repeat(100_000);
    assert!(
        parse(&deep)
            .unwrap_err()
            .to_string()
            .contains("nested deeper")
    );
    let long = "1".to_owned() + &"+1".repeat(5000);
    assert!(parse(&long).unwrap_err().to_string().contains("operators"));
    let longest = "{a=\"".to_owned() + &"x".repeat(QUERY_BYTES_MAX) + "\"}";
    assert!(
        parse(&longest)
            .unwrap_err()
            .to_string()
            .contains("input size too long")
    );
}

fn word() -> impl Strategy<Value = String> {
    let words = [
        "{",
        "}",
        "(",
        ")",
        "[5m]",
        "|",
        "|=",
        "!=",
        "=",
        ">",
        "==",
        ",",
        "+",
        "-",
        "^",
        "and",
        "or",
        "by",
        "sum",
        "rate",
        "count_over_time",
        "topk",
        "json",
        "logfmt",
        "unwrap",
        "offset",
        "5m",
        "10KB",
        "3",
        "a",
        "\"b\"",
        "`c`",
        "ip",
        "line_format",
        "drop",
        "bool",
        "on",
        "vector",
        "{a=\"b\"}",
        "rate({a=\"b\"}[1m])",
    ];
    prop_oneof![
        prop::sample::select(words.to_vec()).prop_map(str::to_owned),
        ".{0,3}"
    ]
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic_and_what_parses_prints(words in prop::collection::vec(word(), 0..20)) {
        let query = words.join(" ");
        if let Ok(expr) = parse(&query) {
            prop_assert_eq!(parse(&expr.to_string()), Ok(expr.clone()), "{}", expr);
        }
    }

    #[test]
    fn strings_survive_quoting(text in "(?s).{0,20}") {
        let query = format!("{{a={}}}", quote::quote(&format!("x{text}")));
        match parse(&query) {
            Ok(Expr::Log(log)) => prop_assert_eq!(&log.matchers[0].value, &format!("x{text}")),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}
