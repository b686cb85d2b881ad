//! What came of tests as JUnit's XML, which build servers read.

use super::Outcome;

/// Returns the document: a suite for each file, a case for each test.
pub(super) fn document(outcomes: &[Outcome]) -> String {
    let suites: String = outcomes.iter().map(suite).collect();
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n{suites}</testsuites>\n")
}

fn suite(outcome: &Outcome) -> String {
    let name = escaped(&outcome.path);
    match &outcome.played {
        Err(faults) => format!(
            "  <testsuite name=\"{name}\" tests=\"1\" failures=\"0\" errors=\"1\">\n    \
             <testcase name=\"{name}\"><error message=\"the file is wrong\">{}</error></testcase>\n  \
             </testsuite>\n",
            escaped(&faults.join("\n"))
        ),
        Ok(tests) => {
            let failed = tests
                .iter()
                .filter(|test| !test.failures.is_empty())
                .count();
            let mut text = format!(
                "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{failed}\" errors=\"0\">\n",
                tests.len()
            );
            for test in tests {
                text += &format!("    <testcase name=\"{}\">", escaped(&test.name));
                for failure in &test.failures {
                    text += &format!(
                        "<failure message=\"{}\">{}</failure>",
                        escaped(&failure.what),
                        escaped(&failure.difference.join("\n"))
                    );
                }
                text += "</testcase>\n";
            }
            text + "  </testsuite>\n"
        }
    }
}

/// Escapes what XML reads as its own; characters that XML cannot hold become a mark.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(char),
            char if char.is_control() => out.push(char::REPLACEMENT_CHARACTER),
            char => out.push(char),
        }
    }
    out
}
