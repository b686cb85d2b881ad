//! What every line that passes a pipeline contains, so that a store can skip blocks without it.
//!
//! In: the stages before the line is first rewritten. Out: conjunctions of alternatives, each a
//! necessary condition. Bound: [`ALTERNATIVES_MAX`] per needle, else it is left out.

use regex_syntax::hir::{Class, Hir, HirKind};

use super::pattern::Pattern;
use crate::ast::{LineFilter, LineOp, LinePattern, Parser, Stage};
use crate::source::{Case, Literal, Needle};

/// The most alternatives of one needle.
const ALTERNATIVES_MAX: usize = 64;

/// Collects the needles of a pipeline.
pub(super) fn of_stages(stages: &[Stage]) -> Vec<Needle> {
    let rewrites = |stage: &&Stage| {
        matches!(
            stage,
            Stage::LineFormat(_) | Stage::Decolorize | Stage::Parser(Parser::Unpack)
        )
    };
    let mut needles = Vec::new();
    for stage in stages.iter().take_while(|stage| !rewrites(stage)) {
        if let Stage::LineFilter(filter) = stage {
            of_filter(filter, &mut needles);
        }
    }
    needles
}

fn of_filter(filter: &LineFilter, needles: &mut Vec<Needle>) {
    if filter.op.is_negative() {
        return;
    }
    if let [pattern] = filter.patterns.as_slice() {
        needles.extend(of_pattern(filter.op, pattern));
        return;
    }
    let mut any = Vec::new();
    for pattern in &filter.patterns {
        match best(of_pattern(filter.op, pattern)) {
            Some(needle) => any.extend(needle.any),
            None => return,
        }
    }
    if any.len() <= ALTERNATIVES_MAX {
        needles.push(Needle { any });
    }
}

/// Returns the needles of one pattern, all of which a line contains.
fn of_pattern(op: LineOp, pattern: &LinePattern) -> Vec<Needle> {
    let LinePattern::Text(text) = pattern else {
        return Vec::new();
    };
    match op {
        LineOp::Contains => exact(text).into_iter().collect(),
        LineOp::Matches => of_regex(text),
        LineOp::Pattern => Pattern::filter(text)
            .map(|pattern| pattern.literals().filter_map(exact).collect())
            .unwrap_or_default(),
        LineOp::NotContains | LineOp::NotMatches | LineOp::NotPattern => Vec::new(),
    }
}

fn exact(text: &str) -> Option<Needle> {
    let literal = Literal {
        text: text.to_owned(),
        case: Case::Sensitive,
    };
    (!text.is_empty()).then(|| Needle { any: vec![literal] })
}

/// Returns the needle whose shortest alternative is longest.
fn best(needles: Vec<Needle>) -> Option<Needle> {
    let shortest = |needle: &Needle| needle.any.iter().map(|l| l.text.len()).min();
    needles.into_iter().max_by_key(shortest)
}

/// Returns texts that every match of a regular expression contains.
fn of_regex(pattern: &str) -> Vec<Needle> {
    let translated = weft_matcher::translate(pattern).unwrap_or_default();
    let mut parser = regex_syntax::ParserBuilder::new().utf8(false).build();
    match parser.parse(&translated) {
        Ok(hir) => of_hir(&hir),
        Err(_) => Vec::new(),
    }
}

fn of_hir(hir: &Hir) -> Vec<Needle> {
    let mut needles = Vec::new();
    let mut run = Run::default();
    collect(hir, &mut run, &mut needles);
    run.end(&mut needles);
    needles
}

/// Adjacent literals that are growing into one.
#[derive(Default)]
struct Run {
    text: String,
    folded: bool,
}

impl Run {
    fn end(&mut self, needles: &mut Vec<Needle>) {
        let text = std::mem::take(&mut self.text);
        let case = if self.folded {
            Case::Insensitive
        } else {
            Case::Sensitive
        };
        self.folded = false;
        if !text.is_empty() {
            let any = vec![Literal { text, case }];
            needles.push(Needle { any });
        }
    }
}

fn collect(hir: &Hir, run: &mut Run, needles: &mut Vec<Needle>) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
            Ok(text) => run.text.push_str(text),
            Err(_) => run.end(needles),
        },
        HirKind::Class(class) => match folded_letter(class) {
            Some(letter) => {
                run.text.push(letter);
                run.folded = true;
            }
            None => run.end(needles),
        },
        HirKind::Capture(capture) => collect(&capture.sub, run, needles),
        HirKind::Concat(parts) => {
            for part in parts {
                collect(part, run, needles);
            }
        }
        HirKind::Repetition(repetition) => {
            run.end(needles);
            if repetition.min > 0 {
                needles.extend(of_hir(&repetition.sub));
            }
        }
        HirKind::Alternation(branches) => {
            run.end(needles);
            let picked: Option<Vec<Needle>> = branches.iter().map(|b| best(of_hir(b))).collect();
            let any: Vec<Literal> = picked.into_iter().flatten().flat_map(|n| n.any).collect();
            if !any.is_empty() && any.len() <= ALTERNATIVES_MAX {
                needles.push(Needle { any });
            }
        }
    }
}

/// Returns the small letter of a class that holds it and its capital only.
///
/// The classes of k and s hold characters beyond ASCII and are no such pair: folding them would
/// miss lines.
fn folded_letter(class: &Class) -> Option<char> {
    let ranges: Vec<(u32, u32)> = match class {
        Class::Unicode(class) => {
            let bounds =
                |r: &regex_syntax::hir::ClassUnicodeRange| (r.start().into(), r.end().into());
            class.ranges().iter().map(bounds).collect()
        }
        Class::Bytes(class) => {
            let bounds =
                |r: &regex_syntax::hir::ClassBytesRange| (r.start().into(), r.end().into());
            class.ranges().iter().map(bounds).collect()
        }
    };
    let [(upper, upper_end), (lower, lower_end)] = ranges[..] else {
        return None;
    };
    let letter = char::from_u32(lower).filter(char::is_ascii_lowercase)?;
    let is_pair = upper == upper_end && lower == lower_end && upper + 32 == lower;
    is_pair.then_some(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes needles as `a & (b | c~)`, with `~` where case does not matter.
    fn shown(needles: &[Needle]) -> String {
        let literal = |l: &Literal| match l.case {
            Case::Sensitive => l.text.clone(),
            Case::Insensitive => format!("{}~", l.text),
        };
        let needle = |n: &Needle| n.any.iter().map(literal).collect::<Vec<_>>().join("|");
        needles.iter().map(needle).collect::<Vec<_>>().join(" & ")
    }

    fn check(stages: &str, expected: &str) {
        let log = crate::parse::parse_log(&format!("{{a=\"b\"}} {stages}")).unwrap();
        assert_eq!(shown(&of_stages(&log.stages)), expected, "{stages}");
    }

    #[test]
    fn literals_of_line_filters_are_found() {
        check(r#"|= "abc""#, "abc");
        check(r#"|= "abc" or "de""#, "abc|de");
        check(r#"!= "abc" |= "x""#, "x");
        check(r#"|> "<_> level=error <_>""#, " level=error ");
        check(r#"|= "a" | json | line_format "b" |= "c""#, "a");
    }

    #[test]
    fn literals_within_regular_expressions_are_found() {
        check(r#"|~ "foo.*bar""#, "foo & bar");
        check(r#"|~ "(?i)panic""#, "panic~");
        check(r#"|~ "(?i)task""#, "ta~");
        check(r#"|~ "foo|ba(r|z)""#, "foo|ba");
        check(r#"|~ "a|b*""#, "");
        check(r#"|~ "(abc)+x?(de){2}""#, "abc & de");
        check(r#"|~ "^x\\d+y$""#, "x & y");
    }
}
