//! What parses, what it prints as, and what is said about what does not parse.

use weft_promql::{parse, pretty};

#[track_caller]
fn check_prints(query: &str, expected: &str) {
    let parsed = parse(query).unwrap_or_else(|error| panic!("{query}: {error}"));
    assert_eq!(parsed.to_string(), expected, "{query}");
    let again = parse(expected).unwrap_or_else(|error| panic!("{expected}: {error}"));
    assert_eq!(again.to_string(), expected, "{query}");
}

#[track_caller]
fn check_fails(query: &str, expected: &str) {
    let Err(error) = parse(query) else {
        panic!("{query} parses");
    };
    assert_eq!(error.to_string(), expected, "{query}");
}

#[test]
fn operators_bind_as_in_mathematics() {
    check_prints("1+2*3", "1 + 2 * 3");
    check_prints("-1^2", "-1 ^ 2");
    check_prints("- foo", "-foo");
    check_prints("a or b and c", "a or b and c");
    check_prints("a == bool b", "a == bool b");
    check_prints("a </ 2 >/ 1", "a </ 2 >/ 1");
    check_prints("(a+b)/c", "(a + b) / c");
    check_prints("2 ATAN2 a", "2 atan2 a");
}

#[test]
fn selectors_keep_their_conditions() {
    check_prints("foo", "foo");
    check_prints("foo{}", "foo");
    check_prints("foo{a='b',c!~\"d\"}", "foo{a=\"b\",c!~\"d\"}");
    check_prints(
        "{\"my.metric\", \"my label\"='x'}",
        "{\"my label\"=\"x\",__name__=\"my.metric\"}",
    );
    check_prints("a:b:c[5m]", "a:b:c[5m]");
    check_prints("sum", "sum");
    check_prints("offset{by=\"on\"}", "offset{by=\"on\"}");
    check_prints("foo{bool='1'}", "foo{bool=\"1\"}");
}

#[test]
fn modifiers_come_in_any_order() {
    check_prints("foo offset 5m @ 100", "foo @ 100.000 offset 5m");
    check_prints("foo @ 100 offset -5m", "foo @ 100.000 offset -5m");
    check_prints(
        "foo[5m] @ start() offset 1m30s",
        "foo[5m] @ start() offset 1m30s",
    );
    check_prints("foo[5m] anchored", "foo[5m] anchored");
    check_prints("foo smoothed offset 1m", "foo smoothed offset 1m");
    check_prints("foo[10m:1m] offset 1d", "foo[10m:1m] offset 1d");
    check_prints("foo[10m:]", "foo[10m:]");
    check_prints(
        "rate(foo[5m])[1h:5m] @ end()",
        "rate(foo[5m])[1h:5m] @ end()",
    );
    check_prints("foo @ -1.5", "foo @ -1.500");
}

#[test]
fn durations_may_be_calculated() {
    check_prints("foo[5m+step()*2]", "foo[5m + step() * 2]");
    check_prints("foo[max(1m, range() / 10)]", "foo[max(1m, range() / 10)]");
    check_prints("foo offset -(5m*2)", "foo offset -(5m * 2)");
    check_prints("foo[2 ^ 3:1m - 30s]", "foo[2 ^ 3:1m - 30s]");
    check_prints("foo offset -300", "foo offset -5m");
    check_prints("foo[300]", "foo[5m]");
}

#[test]
fn matching_and_aggregation_keep_their_labels() {
    check_prints(
        "a + on(x, y) group_left(z) b",
        "a + on (x, y) group_left (z) b",
    );
    check_prints("a + ignoring(x) b", "a + ignoring (x) b");
    check_prints("a + on() b", "a + on () b");
    check_prints("a + fill(0) b", "a + fill (0) b");
    check_prints(
        "a / on(x) fill_left(1) fill_right(-2) b",
        "a / on (x) fill_left (1) fill_right (-2) b",
    );
    check_prints("SUM(a) BY (x, \"y z\")", "sum by (x, \"y z\") (a)");
    check_prints("topk without (x) (5, a)", "topk without (x) (5, a)");
    check_prints("count_values(\"v\", a)", "count_values(\"v\", a)");
    check_prints("fill + fill_left", "fill + fill_left");
}

#[test]
fn literals_read_back() {
    check_prints("0x1f", "31");
    check_prints("+Inf", "+Inf");
    check_prints("-inf", "-Inf");
    check_prints("1e3", "1000");
    check_prints("5m", "5m");
    check_prints("'a\\'b\\n'", "\"a'b\\n\"");
    check_prints("`a\\b`", "\"a\\\\b\"");
    check_prints("\"\\xc5\"", "\"\\xc5\"");
    check_prints("1 # a comment", "1");
}

#[test]
fn faults_are_told_with_their_place() {
    check_fails(
        "",
        "unknown position: parse error: no expression found in input",
    );
    check_fails("1+", "1:3: parse error: unexpected end of input");
    check_fails("*1", "1:1: parse error: unexpected <op:*>");
    check_fails("(1", "1:3: parse error: unclosed left parenthesis");
    check_fails("(1))", "1:5: parse error: unexpected right parenthesis ')'");
    check_fails(
        "foo{",
        "1:5: parse error: unexpected end of input inside braces",
    );
    check_fails(
        "foo{a=}",
        "1:7: parse error: unexpected \"}\" in label matching, expected string",
    );
    check_fails("foo bar", "1:5: parse error: unexpected identifier \"bar\"");
    check_fails(
        "sum foo",
        "1:5: parse error: unexpected identifier \"foo\" in aggregation",
    );
    check_fails(
        "foo[5mm]",
        "1:5: parse error: bad number or duration syntax: \"5mm\"",
    );
    check_fails(
        "foo[5m1h]",
        "1:5: parse error: not a valid duration string: \"5m1h\"",
    );
    check_fails(
        "foo[0]",
        "1:5: parse error: duration must be greater than 0",
    );
    check_fails("\"abc", "1:1: parse error: unterminated quoted string");
    check_fails("a\n + + * b", "2:6: parse error: unexpected <op:*>");
    check_fails(
        "rate()",
        "1:1: parse error: expected 1 argument(s) in call to \"rate\", got 0",
    );
    check_fails(
        "sum()",
        "1:1: parse error: no arguments for aggregate expression provided",
    );
    check_fails(
        "sum(a, b)",
        "1:1: parse error: wrong number of arguments for aggregate expression provided, expected \
         1, got 2",
    );
    check_fails(
        "nope(a)",
        "1:1: parse error: unknown function with name \"nope\"",
    );
    check_fails(
        "rate(foo)",
        "1:6: parse error: expected type range vector in call to function \"rate\", got instant \
         vector",
    );
    check_fails(
        "abs(a,)",
        "1:6: parse error: trailing commas not allowed in function call args",
    );
}

#[test]
fn what_makes_no_sense_is_refused() {
    check_fails(
        "1 == 1",
        "1:3: parse error: comparisons between scalars must use BOOL modifier",
    );
    check_fails(
        "1 and a",
        "1:1: parse error: set operator \"and\" not allowed in binary scalar expression",
    );
    check_fails(
        "a + bool b",
        "1:3: parse error: bool modifier can only be used on comparison operators",
    );
    check_fails(
        "a and on(x) group_left b",
        "1:1: parse error: no grouping allowed for \"and\" operation",
    );
    check_fails(
        "a + on(x) group_left(x) b",
        "1:3: parse error: label \"x\" must not occur in ON and GROUP clause at once",
    );
    check_fails(
        "1 + on(x) a",
        "1:1: parse error: vector matching only allowed between instant vectors",
    );
    check_fails(
        "{}",
        "1:1: parse error: vector selector must contain at least one non-empty matcher",
    );
    check_fails(
        "foo{__name__=\"bar\"}",
        "1:1: parse error: metric name must not be set twice: \"foo\" or \"bar\"",
    );
    check_fails(
        "{\"foo\", \"bar\"}",
        "1:1: parse error: metric name must not be set twice: \"foo\" or \"bar\"",
    );
    check_fails(
        "foo offset 1m offset 2m",
        "1:1: parse error: offset may not be set multiple times",
    );
    check_fails(
        "foo @ 1 @ 2",
        "1:1: parse error: @ <timestamp> may not be set multiple times",
    );
    check_fails(
        "1 offset 1m",
        "1:1: parse error: offset modifier must be preceded by an instant vector selector or range \
         vector selector or a subquery",
    );
    check_fails(
        "1[5m]",
        "1:2: parse error: ranges only allowed for vector selectors",
    );
    check_fails(
        "foo offset 1m [5m]",
        "1:15: parse error: no offset modifiers allowed before range",
    );
    check_fails(
        "-\"a\"",
        "1:1: parse error: unary expression only allowed on expressions of type scalar or instant \
         vector, got \"string\"",
    );
    check_fails(
        "time()[5m:1m]",
        "1:1: parse error: subquery is only allowed on instant vector, got scalar instead",
    );
    check_fails(
        "\"a\" + 1",
        "1:1: parse error: binary expression must contain only scalar and instant vector types",
    );
}

#[test]
fn nesting_and_length_are_bounded() {
    let deep = |n: usize| format!("{}1{}", "(".repeat(n), ")".repeat(n));
    assert!(parse(&deep(90)).is_ok());
    assert!(parse(&deep(5000)).is_err());
    assert!(parse(&"-".repeat(5000)).is_err());
    let chain = |n: usize| vec!["a"; n].join(" or ");
    assert!(parse(&chain(200)).is_ok());
    assert!(parse(&chain(5000)).is_err());
    assert!(parse(&" ".repeat(2 << 20)).is_err());
    let subqueries = format!("a{}", "[1m:]".repeat(5000));
    assert!(parse(&subqueries).is_err());
}

#[test]
fn long_expressions_are_broken_into_lines() {
    let query = "sum by (instance) (rate(http_requests_total{job=\"api\",code=~\"5..\"}[5m])) / \
                 sum by (instance) (rate(http_requests_total{job=\"api\"}[5m]))";
    let printed = pretty(&parse(query).unwrap());
    let expected = "  sum by (instance) (rate(http_requests_total{code=~\"5..\",job=\"api\"}[5m]))\n\
                    /\n  sum by (instance) (rate(http_requests_total{job=\"api\"}[5m]))";
    assert_eq!(printed, expected);
    assert_eq!(
        parse(&printed).unwrap().to_string(),
        parse(query).unwrap().to_string()
    );
}
