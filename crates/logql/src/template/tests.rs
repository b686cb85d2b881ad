//! What templates render, and which are refused.

use weft_model::Nanos;

use super::*;

struct Line;

impl Scope for Line {
    fn label(&self, name: &str) -> &str {
        match name {
            "name" => "John Doe",
            "status" => "503",
            "latency" => "1.5s",
            _ => "",
        }
    }

    fn line(&self) -> &str {
        "the line"
    }

    fn time(&self) -> Nanos {
        Nanos(1_709_251_199_123_456_789)
    }
}

fn check(source: &str, expected: &str) {
    let mut out = String::new();
    Template::parse(source)
        .unwrap()
        .render(&Line, &mut out)
        .unwrap();
    assert_eq!(out, expected, "{source}");
}

fn check_refused(source: &str, column: usize, message: &str) {
    let error = Template::parse(source).unwrap_err();
    assert_eq!(
        (error.column, error.message.as_str()),
        (column, message),
        "{source}"
    );
}

#[test]
fn fields_and_functions_are_rendered() {
    check("plain", "plain");
    check("{{.name}} {{ .status }}{{.missing}}!", "John Doe 503!");
    check("{{ .name | ToUpper | trunc 4 }}", "JOHN");
    check(
        "{{ ToLower .name }} {{ __line__ | upper }}",
        "john doe THE LINE",
    );
    check("{{ Replace .name \" \" \"-\" -1 }}", "John-Doe");
    check(
        "{{ printf \"%-5s|%03d|%.1f\" .status 7 1.25 }}",
        "503  |007|1.2",
    );
    check("{{ add .status 1 }} {{ divf .status 2 }}", "504 251.5");
    check("{{ default \"none\" .missing }}", "none");
    check("{{ duration .latency }}", "1.5");
    check("{{ regexReplaceAll \"(J)o\" .name \"${1}a\" }}", "Jahn Doe");
    check("{{ unixEpoch __timestamp__ }}", "1709251199");
    check(
        "{{ __timestamp__ | date \"2006-01-02 15:04:05.000\" }}",
        "2024-02-29 23:59:59.123",
    );
    check("a {{- .status -}} b", "a503b");
    check("{{/* nothing */}}x", "x");
}

#[test]
fn a_condition_picks_a_branch() {
    let source =
        "{{ if ge (int .status) 500 }}bad{{ else if eq .status \"404\" }}gone{{ else }}ok{{ end }}";
    check(source, "bad");
    check(
        "{{ if .missing }}a{{ else if hasPrefix \"J\" .name }}b{{ else }}c{{ end }}",
        "b",
    );
    check("{{ if and .name (not .missing) }}x{{ end }}", "x");
}

#[test]
fn what_is_not_supported_is_refused_with_its_place() {
    check_refused("ab {{ foo .x }}", 7, "function \"foo\" not defined");
    check_refused("{{ range .x }}", 4, "range is not supported");
    check_refused("{{ .x", 6, "unclosed action");
    check_refused("{{ if .x }}", 12, "expected {{end}}");
    check_refused("{{ end }}", 10, "unexpected {{end}}");
    check_refused("{{ .x | .y }}", 11, "only a function may follow a pipe");
    check_refused(
        "{{ ToUpper }}",
        12,
        "wrong number of arguments for ToUpper: 0",
    );
    check_refused(&"{{ if .x }}".repeat(100), 347, "nested deeper than 32");
}

#[test]
fn what_only_values_tell_fails_the_line() {
    let mut out = String::new();
    let template = Template::parse("{{ div 1 0 }}").unwrap();
    assert_eq!(
        template.render(&Line, &mut out),
        Err("div: division by zero".to_owned())
    );
    let template = Template::parse("{{ repeat 1000000 .name }}").unwrap();
    assert!(template.render(&Line, &mut out).is_err());
}
