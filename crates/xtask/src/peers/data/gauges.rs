//! Series that go up and down, constants, and numbers that are none.

use super::{Random, START_MS, TICK_MS, Written, stale};

pub(super) fn add(all: &mut Vec<Written>) {
    targets(all);
    walks(all);
    constants(all);
    special(all);
    matching(all);
    quoted(all);
}

/// What stands beside all series of a target.
fn targets(all: &mut Vec<Written>) {
    let targets = [
        ("api", "a:80"),
        ("api", "b:80"),
        ("api", "c:80"),
        ("web", "x:80"),
        ("node", "d:9100"),
        ("node", "e:9100"),
    ];
    for (at, (job, instance)) in targets.into_iter().enumerate() {
        let labels = [("job", job), ("instance", instance)];
        all.push(Written::floats("up", &labels, |tick| {
            let down = instance == "c:80" && (150..190).contains(&tick);
            Some(if down { 0.0 } else { 1.0 })
        }));
        for (version, from, to) in [("1.0", 0, 240), ("1.1", 240, i64::MAX)] {
            let arch = ["amd64", "arm64"][at % 2];
            let labels = [
                ("job", job),
                ("instance", instance),
                ("version", version),
                ("arch", arch),
            ];
            all.push(Written::floats("target_info", &labels, |tick| {
                if tick == to {
                    return Some(stale());
                }
                (from..to).contains(&tick).then_some(1.0)
            }));
        }
    }
}

fn walks(all: &mut Vec<Written>) {
    let mut seed = 400;
    for (job, instance) in [("api", "a:80"), ("api", "b:80"), ("node", "d:9100")] {
        seed += 1;
        let mut random = Random(seed);
        let mut bytes = 4_000_000_000 + random.below(1_000_000);
        let labels = [("job", job), ("instance", instance)];
        all.push(Written::floats("memory_bytes", &labels, |_| {
            bytes += (random.below(2_000) - 990) * 4096;
            Some(bytes as f64)
        }));
    }
    for room in ["kitchen", "cellar", "attic"] {
        seed += 1;
        let mut random = Random(seed);
        all.push(Written::floats("temperature", &[("room", room)], |tick| {
            let swing = 8.0 * (tick as f64 / 40.0).sin();
            let value = 12.5 + swing + random.fraction();
            Some((value * 10.0).round() / 10.0)
        }));
    }
    let mut random = Random(450);
    all.push(Written::floats("noise", &[], |_| {
        Some(random.fraction() * 2.0 - 1.0)
    }));
}

fn constants(all: &mut Vec<Written>) {
    for (n, value) in [("1", 3.0), ("2", 3.0), ("3", 5.0), ("4", -2.0), ("5", 3.0)] {
        all.push(Written::floats("constant", &[("n", n)], |_| Some(value)));
    }
    let mut clock = START_MS - TICK_MS;
    all.push(Written::floats("clock_seconds", &[], |_| {
        clock += TICK_MS;
        Some(clock as f64 / 1000.0)
    }));
    for (kind, seconds) in [
        ("epoch", 0.0),
        ("leap", 1_709_210_096.0),
        ("century", 951_782_400.0),
        ("before", -86_401.0),
        ("far", 253_402_300_799.0),
        ("fraction", 1_700_000_000.75),
    ] {
        all.push(Written::floats("dates", &[("kind", kind)], |_| {
            Some(seconds)
        }));
    }
    for (n, value) in [
        ("1", 0.25),
        ("2", 0.5),
        ("3", -0.75),
        ("4", 1.0),
        ("5", 40.0),
    ] {
        all.push(Written::floats("angle", &[("n", n)], |_| Some(value)));
    }
}

fn special(all: &mut Vec<Written>) {
    for (kind, value) in [
        ("nan", f64::NAN),
        ("inf", f64::INFINITY),
        ("neginf", f64::NEG_INFINITY),
        ("zero", 0.0),
        ("negzero", -0.0),
        ("max", f64::MAX),
        ("least", 5e-324),
    ] {
        all.push(Written::floats("special", &[("kind", kind)], |_| {
            Some(value)
        }));
    }
    let cycle = [
        1.5,
        f64::NAN,
        -1.0,
        f64::INFINITY,
        0.0,
        -0.0,
        2.5,
        f64::NEG_INFINITY,
        1e308,
        5e-324,
    ];
    all.push(Written::floats("cycle", &[("kind", "all")], |tick| {
        Some(cycle[tick as usize % cycle.len()])
    }));
    let with_nan = [4.0, f64::NAN, 2.0, 8.0];
    all.push(Written::floats("cycle", &[("kind", "nan")], |tick| {
        Some(with_nan[tick as usize % with_nan.len()])
    }));
}

/// Small tables whose labels meet in all the ways that operators tell apart.
fn matching(all: &mut Vec<Written>) {
    let left = [
        ("1", "1", 2.0),
        ("1", "2", 3.0),
        ("2", "1", 5.0),
        ("3", "1", 7.0),
    ];
    for (a, b, value) in left {
        all.push(Written::floats("left", &[("a", a), ("b", b)], |tick| {
            Some(value + (tick % 3) as f64)
        }));
    }
    let right = [
        ("1", "x", 4.0),
        ("2", "x", 3.0),
        ("2", "y", 6.0),
        ("4", "x", 9.0),
    ];
    for (a, c, value) in right {
        all.push(Written::floats("right", &[("a", a), ("c", c)], |tick| {
            Some(value - (tick % 4) as f64)
        }));
    }
    for (a, value) in [("1", 10.0), ("2", 20.0), ("5", 50.0)] {
        all.push(Written::floats("one", &[("a", a), ("team", "t")], |_| {
            Some(value)
        }));
    }
    for (method, value) in [("GET", 100.0), ("POST", 50.0), ("DELETE", 5.0)] {
        let labels = [("job", "api"), ("method", method), ("owner", "team-x")];
        all.push(Written::floats("limit", &labels, |_| Some(value)));
    }
}

/// Names and values that need quotes or escapes.
fn quoted(all: &mut Vec<Written>) {
    for (value, offset) in [("a b", 0.0), ("ü\"\n\\", 1.0), ("", 2.0)] {
        let labels = [("service.name", value), ("plain", "p")];
        let labels = if value.is_empty() {
            &labels[1..]
        } else {
            &labels[..]
        };
        all.push(Written::floats("my.metric", labels, |tick| {
            Some(tick as f64 + offset)
        }));
    }
    all.push(Written::floats("温度", &[("市", "北京")], |tick| {
        Some((tick % 30) as f64)
    }));
    for path in ["/", "/a.b", "/a\nb", "/A.b", "/api/v1/x", "/api/v2/y"] {
        all.push(Written::floats("paths", &[("path", path)], |_| {
            Some(path.len() as f64)
        }));
    }
}
