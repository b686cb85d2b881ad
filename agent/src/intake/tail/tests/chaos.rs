//! Any order of writes, rotations, compressions, crashes and lost acknowledgements.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;

use super::bench::Bench;

#[derive(Clone, Copy, Debug)]
enum Event {
    Line {
        stderr: bool,
    },
    /// A part of a line that a later one of the same output completes.
    Part {
        stderr: bool,
    },
    Step(u8),
    Rotate,
    RenameOnly,
    Reopen,
    Compress,
    Crash,
    Deliver(bool),
    Acks(bool),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => any::<bool>().prop_map(|stderr| Event::Line { stderr }),
        4 => any::<bool>().prop_map(|stderr| Event::Part { stderr }),
        // Short enough that no line is left open for so long that it is handed on.
        8 => (1u8..40).prop_map(Event::Step),
        2 => Just(Event::Rotate),
        1 => Just(Event::RenameOnly),
        2 => Just(Event::Reopen),
        2 => Just(Event::Compress),
        2 => Just(Event::Crash),
        2 => any::<bool>().prop_map(Event::Deliver),
        2 => any::<bool>().prop_map(Event::Acks),
    ]
}

/// What is open in a scene.
#[derive(Default)]
struct Scene {
    lines: u32,
    open: [String; 2],
    rotated: Vec<PathBuf>,
    renamed: bool,
}

fn play(bench: &mut Bench, scene: &mut Scene, event: Event) {
    let output = |stderr: bool| if stderr { "stderr" } else { "stdout" };
    match event {
        Event::Line { stderr } => {
            scene.lines += 1;
            let rest = format!("{} ", scene.lines);
            bench.record(output(stderr), "F", &rest);
            let whole = std::mem::take(&mut scene.open[usize::from(stderr)]) + &rest;
            bench.expect(&whole);
        }
        Event::Part { stderr } => {
            scene.lines += 1;
            let part = format!("{}+", scene.lines);
            bench.record(output(stderr), "P", &part);
            scene.open[usize::from(stderr)] += &part;
        }
        Event::Step(millis) => bench.step(millis.into()),
        Event::Rotate if !scene.renamed => scene.rotated.push(bench.rotate()),
        Event::RenameOnly if !scene.renamed => {
            scene.renamed = true;
            scene.rotated.push(bench.rename_current());
        }
        Event::Reopen if scene.renamed => {
            scene.renamed = false;
            bench.reopen();
        }
        Event::Compress => {
            // The kubelet compresses all but the file that it renamed last.
            let writing = usize::from(!scene.rotated.is_empty());
            for path in scene.rotated.drain(..scene.rotated.len() - writing) {
                bench.compress(&path);
            }
        }
        Event::Crash => bench.crash(),
        Event::Deliver(delivers) => bench.delivers = delivers,
        Event::Acks(acks) => bench.acks = acks,
        Event::Rotate | Event::RenameOnly | Event::Reopen => {}
    }
}

static SCENES: AtomicU32 = AtomicU32::new(0);

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_line_is_stored_once(events in proptest::collection::vec(event(), 1..120)) {
        let mut bench = Bench::new(&format!("chaos-{}", SCENES.fetch_add(1, Ordering::Relaxed)));
        let mut scene = Scene::default();
        for event in events {
            play(&mut bench, &mut scene, event);
        }
        if scene.renamed {
            bench.reopen();
        }
        for stderr in [false, true] {
            play(&mut bench, &mut scene, Event::Line { stderr });
        }
        // What was neither delivered nor acknowledged is sent again by the next process.
        bench.crash();
        (bench.delivers, bench.acks) = (true, true);
        bench.run();
        bench.assert_stored_once_in_any_order();
    }
}
