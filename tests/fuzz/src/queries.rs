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
            Ok(again) => assert_eq!(again.to_string(), printed),
            Err(error) => panic!("{text:?} does not parse: {error}"),
        }
    }
}

/// What is parsed prints to a text that parses to the same expression.
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
