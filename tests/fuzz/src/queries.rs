//! The query languages.

/// What is parsed prints to a text that parses to the same print.
pub fn promql(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(expr) = weft_promql::parse(text) else {
        return;
    };
    let printed = expr.to_string();
    for text in [&printed, &weft_promql::pretty(&expr)] {
        match weft_promql::parse(text) {
            Ok(again) => assert_eq!(
                plain_infinity(again.to_string()),
                plain_infinity(printed.clone())
            ),
            Err(error) => panic!("{text:?} does not parse: {error}"),
        }
    }
}

/// Takes the signs off infinity: it is written `+Inf`, as Prometheus does, and that is read as a
/// sign before `Inf`.
fn plain_infinity(mut text: String) -> String {
    while text.contains("+Inf") {
        text = text.replace("+Inf", "Inf");
    }
    text
}

/// What is parsed prints to a text that parses to the same print.
pub fn logql(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(expr) = weft_logql::parse(text) else {
        return;
    };
    let printed = expr.to_string();
    for text in [&printed, &weft_logql::pretty(&expr)] {
        match weft_logql::parse(text) {
            Ok(again) => assert_eq!(again.to_string(), printed),
            Err(error) => panic!("{text:?} does not parse: {error}"),
        }
    }
}
