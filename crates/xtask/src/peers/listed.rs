//! Lists of questions, written as templates.
//!
//! In: a file. A line is a question; `#` begins a comment line; `let name: a | b | c` names choices,
//! and `$name` in a later line stands for each of them in turn. Out: all questions, each once.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// What one line may become at most.
const EXPANSIONS_MAX: usize = 400;

/// Reads a list and expands it.
pub(super) fn read(path: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    expand(&text).with_context(|| format!("expand {}", path.display()))
}

fn expand(text: &str) -> Result<Vec<String>> {
    let mut choices: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let (mut all, mut seen) = (Vec::new(), HashSet::new());
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(rest) = line.strip_prefix("let ") {
            let (name, words) = rest
                .split_once(':')
                .with_context(|| format!("line {}: a name without choices", at + 1))?;
            let words = words.split(" | ").map(|word| word.trim().to_owned());
            choices.insert(name.trim().to_owned(), words.collect());
            continue;
        }
        let expanded = expand_line(line, &choices);
        for question in expanded.with_context(|| format!("line {}", at + 1))? {
            if seen.insert(question.clone()) {
                all.push(question);
            }
        }
    }
    Ok(all)
}

/// Puts each choice in the place of each name.
fn expand_line(line: &str, choices: &BTreeMap<String, Vec<String>>) -> Result<Vec<String>> {
    let mut open = vec![line.to_owned()];
    let mut done = Vec::new();
    while let Some(text) = open.pop() {
        let Some((start, end)) = first_name(&text) else {
            done.push(text);
            continue;
        };
        let name = &text[start + 1..end];
        let words = choices
            .get(name)
            .with_context(|| format!("${name} is not known"))?;
        let with = |word: &String| format!("{}{word}{}", &text[..start], &text[end..]);
        open.extend(words.iter().rev().map(with));
        if done.len() + open.len() > EXPANSIONS_MAX {
            bail!("it becomes more than {EXPANSIONS_MAX} questions");
        }
    }
    Ok(done)
}

/// Returns where the first `$name` begins and ends.
fn first_name(text: &str) -> Option<(usize, usize)> {
    let letters = |from: usize| {
        let part_of = |byte: &u8| byte.is_ascii_lowercase() || *byte == b'_';
        text.as_bytes()[from..]
            .iter()
            .take_while(|byte| part_of(byte))
            .count()
    };
    let mut dollars = text.match_indices('$').map(|(at, _)| at);
    dollars.find_map(|at| {
        let len = letters(at + 1);
        (len > 0).then_some((at, at + 1 + len))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_for_each_of_their_choices() {
        let text = "# c\nlet op: + | -\nlet f: abs | ceil\n$f(x) $op 1\n1 + 1\n1 + 1\n";
        let expected = [
            "abs(x) + 1",
            "abs(x) - 1",
            "ceil(x) + 1",
            "ceil(x) - 1",
            "1 + 1",
        ];
        assert_eq!(expand(text).unwrap(), expected);
    }

    #[test]
    fn a_name_without_choices_is_a_fault() {
        assert!(expand("$unknown(x)").is_err());
        assert!(expand("let broken").is_err());
    }

    #[test]
    fn dollars_before_digits_stand_for_themselves() {
        assert_eq!(expand("f(\"$1\")").unwrap(), ["f(\"$1\")"]);
    }
}
