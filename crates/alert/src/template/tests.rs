use std::path::PathBuf;

use weft_model::{Labels, Matcher, Millis};

use super::*;
use crate::evaluate::{EvaluateError, Found, Sample};

/// Knows one series, `up`.
struct OneSeries;

fn labels() -> Labels {
    Labels::from_pairs([
        ("__name__", "up"),
        ("instance", "h.example.com:90"),
        ("job", "a"),
    ])
}

impl Evaluate for OneSeries {
    fn query(&self, query: &str, _: Millis) -> Result<Vec<Found>, EvaluateError> {
        match query {
            "up" => Ok(vec![Found {
                labels: labels(),
                value: SampleValue::Float(1_234_567.25),
            }]),
            "up(" => Err(EvaluateError(
                "1:4: parse error: unclosed left parenthesis".to_owned(),
            )),
            _ => Ok(Vec::new()),
        }
    }

    fn newest(
        &self,
        _: &[Matcher],
        _: Millis,
        _: Millis,
    ) -> Result<Vec<(Labels, Millis, f64)>, EvaluateError> {
        Ok(Vec::new())
    }

    fn store(&self, _: &[Sample]) -> Result<(), EvaluateError> {
        Ok(())
    }
}

fn expand(source: &str) -> String {
    let template = match Template::parse(source) {
        Ok(template) => template,
        Err(error) => return format!("parse: {error}"),
    };
    let context = Context {
        name: "__alert_a",
        labels: &labels(),
        value: &SampleValue::Float(1_234_567.25),
        external_labels: &Labels::empty(),
        external_url: "",
        at: Millis(120_000),
        evaluate: &OneSeries,
    };
    match template.expand(&context) {
        Ok(text) => text,
        Err(error) => format!("error: {}", error.message),
    }
}

/// Each case of the file is a template, a line `----` and what it expands to. What Prometheus 3.5
/// answers was compared once; the texts of errors name no columns here.
#[test]
fn templates_expand_as_prometheus_does() {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/alert/templates.txt");
    let cases = std::fs::read_to_string(&path).unwrap();
    let mut answered = String::new();
    for case in cases
        .split("\n\n")
        .map(str::trim)
        .filter(|case| !case.is_empty())
    {
        let source = case.split("\n----").next().unwrap();
        answered += &format!("{source}\n----\n{}\n\n", expand(source));
    }
    expect_test::expect_file![path].assert_eq(&answered);
}

#[test]
fn what_is_too_much_is_refused() {
    let deep = format!(
        "{}1{}",
        "{{ ".to_owned() + &"(".repeat(100),
        ")".repeat(100) + " }}"
    );
    assert!(expand(&deep).contains("nested deeper"));
    let endless = "{{ define \"a\" }}{{ template \"a\" }}{{ end }}{{ template \"a\" }}";
    assert!(expand(endless).contains("maximum template depth"));
    let long = "{{ range 1000000 }}{{ range 1000000 }}x{{ end }}{{ end }}";
    assert!(expand(long).contains("more than") || expand(long).contains("longer than"));
    assert!(expand(&"x".repeat(SOURCE_BYTES_MAX + 1)).contains("longer than"));
    assert!(expand("{{ printf \"%99999d\" 1 }}").contains("over 1000"));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_parser_or_the_expansion_panic(source in "(\\{\\{-? ?|\\}\\}| -?\\}\\}|[a-z$.|()=:,\"` 0-9é]|if |end|range |with |else|query |humanize |printf |\\$labels|index |slice ){0,40}") {
        expand(&source);
    }
}
