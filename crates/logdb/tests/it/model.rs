//! The database against a naive list of lines, under random appends, flushes and restarts.

use crate::support::{Line, Scratch, check_all, line_of, needle};
use proptest::prelude::*;
use weft_logdb::{Case, Config, Needle};

/// Something that happens to the database.
#[derive(Clone, Debug)]
enum Step {
    Append {
        stream: u8,
        lines: Vec<(i64, u32)>,
    },
    Flush,
    Maintain {
        minutes: i64,
    },
    /// Closed after a flush and opened again.
    Reopen,
    /// Dies without a flush; the journal is replayed from the last one.
    Crash,
    Search {
        from: i64,
        to: i64,
        needles: Vec<Needle>,
    },
}

fn step() -> impl Strategy<Value = Step> {
    // Hours, minutes, and once in a while a time far away.
    let time = prop_oneof![
        8 => 0..200_000i64,
        1 => -3_000_000..3_000_000i64,
    ];
    let lines = prop::collection::vec((time, 0..400u32), 1..40);
    prop_oneof![
        6 => (0..4u8, lines).prop_map(|(stream, lines)| Step::Append { stream, lines }),
        2 => Just(Step::Flush),
        1 => (0..90i64).prop_map(|minutes| Step::Maintain { minutes }),
        1 => Just(Step::Reopen),
        1 => Just(Step::Crash),
        4 => (-10_000..210_000i64, 0..210_000i64, prop::collection::vec(needle(), 0..3))
            .prop_map(|(from, width, needles)| Step::Search { from, to: from + width, needles }),
    ]
}

fn config() -> Config {
    Config {
        partition_width: 100_000_000_000_000,
        retention: i64::MAX,
        block_bytes: 2048,
        head_bytes_max: 16 << 10,
        commit_bytes: 20_000,
        ..Config::default()
    }
}

/// One call of `append` that the journal remembers.
struct Call {
    position: u64,
    stream: u8,
    lines: Vec<Line>,
}

fn run(steps: &[Step]) {
    let mut scratch = Scratch::open("model", config());
    let mut expected: Vec<Line> = Vec::new();
    let mut journal: Vec<Call> = Vec::new();
    let mut position = 0;
    let mut now = 0;
    for step in steps {
        match step {
            Step::Append { stream, lines } => {
                position += 1;
                let lines: Vec<Line> = lines
                    .iter()
                    .map(|(time, seed)| line_of(*stream, *time * 1_000_000_000, *seed))
                    .collect();
                scratch.append(position, *stream, &lines);
                expected.extend(lines.iter().cloned());
                journal.push(Call {
                    position,
                    stream: *stream,
                    lines,
                });
            }
            Step::Flush => {
                scratch.db().flush(weft_model::Nanos(now)).unwrap();
                journal.clear();
            }
            Step::Maintain { minutes } => {
                now += minutes * 60_000_000_000;
                scratch.db().maintain(weft_model::Nanos(now)).unwrap();
            }
            Step::Reopen => {
                scratch.db().flush(weft_model::Nanos(now)).unwrap();
                journal.clear();
                scratch.reopen();
            }
            Step::Crash => {
                scratch.reopen();
                for call in &journal {
                    scratch.append(call.position, call.stream, &call.lines);
                }
            }
            Step::Search { from, to, needles } => {
                let range = (from * 1_000_000_000, to * 1_000_000_000);
                check_all(scratch.db(), &expected, range, needles);
            }
        }
    }
    check_all(scratch.db(), &expected, (i64::MIN, i64::MAX), &[]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn the_database_finds_what_a_list_of_lines_finds(steps in prop::collection::vec(step(), 1..25)) {
        run(&steps);
    }
}

#[test]
fn ids_are_found_by_any_part_and_not_mistaken() {
    let scratch = Scratch::open("ids", config());
    let lines: Vec<Line> = (0..2000)
        .map(|seed| line_of(0, seed, seed as u32 * 7))
        .collect();
    scratch.append(1, 0, &lines);
    scratch.db().flush(weft_model::Nanos(0)).unwrap();
    for seed in [0usize, 700, 1999] {
        let id = crate::support::id(seed as u32 * 7);
        for part in [&id[..], &id[3..20], &id[10..], &id[8..16]] {
            let needles = [crate::support::literal(part, Case::Sensitive)];
            check_all(scratch.db(), &lines, (i64::MIN, i64::MAX), &needles);
        }
    }
    let absent = [crate::support::literal(
        &crate::support::id(3),
        Case::Sensitive,
    )];
    let stats = check_all(scratch.db(), &lines, (i64::MIN, i64::MAX), &absent);
    assert!(stats.blocks > 40, "{stats:?}");
    assert!(stats.blocks_read <= 3, "{stats:?}");
}
