//! Lines whose record a crash took, while their block stayed.

use std::ops::ControlFlow;

use weft_exposition::loki::{Entry, Push, Stream};
use weft_logdb::{Direction, Found, Selection, TimeRange};
use weft_model::Labels;

use super::*;
use crate::heads::lines;
use crate::store::take::kind;

fn push(text: &str) -> Push<'_> {
    Push {
        streams: vec![Stream {
            labels: labels(),
            entries: vec![Entry {
                time: NOW.to_nanos(),
                line: text.into(),
                metadata: Vec::new(),
            }],
        }],
    }
}

fn labels() -> Labels {
    Labels::from_pairs([("app", "web")])
}

/// Returns the lines that the store has, ascending.
fn texts(store: &Store) -> Vec<String> {
    let selection = Selection {
        matchers: &[],
        range: TimeRange::ALL,
        needles: &[],
        direction: Direction::Forward,
    };
    let mut texts = Vec::new();
    let found = store.logdb.select(&selection, &mut |found| {
        if let Found::Entry(_, entry) = found {
            texts.push(entry.line.to_owned());
        }
        ControlFlow::Continue(())
    });
    found.unwrap();
    texts.sort();
    texts
}

#[test]
fn a_line_is_not_taken_for_one_whose_record_was_lost() {
    let machine = Machine::new();
    let store = machine.open_and_replay();
    store.take_push(&push("first")).unwrap();
    // A record that is not synced when its block is, and longer than the next one.
    let lost = push("a line that was never acknowledged");
    let record = lines::push_record(&lost);
    let position = store.lines.append(kind::PUSH, &[&record]).unwrap();
    lines::store_push(&lost, position, store.lines_go());
    store.logdb.flush(NOW.to_nanos()).unwrap();
    let store = machine.crash(store, 1);
    store.replay(1, &machine.stop);
    store.take_push(&push("second")).unwrap();
    assert_eq!(
        texts(&store),
        ["a line that was never acknowledged", "first", "second"]
    );
    // And so after the next crash, when the replay must tell them apart again.
    let store = machine.crash(store, 2);
    store.replay(1, &machine.stop);
    assert_eq!(
        texts(&store),
        ["a line that was never acknowledged", "first", "second"]
    );
}
