//! Series that only rise, but for resets.

use super::{Random, Written, stale};

pub(super) fn add(all: &mut Vec<Written>) {
    requests(all);
    processors(all);
    irregular(all);
    sizes(all);
}

/// Requests of a service on three instances: one is restarted twice, one is away for ten minutes.
fn requests(all: &mut Vec<Written>) {
    let mut seed = 0;
    for instance in ["a:80", "b:80", "c:80"] {
        for method in ["GET", "POST"] {
            for code in ["200", "404", "500"] {
                seed += 1;
                let labels = [
                    ("job", "api"),
                    ("instance", instance),
                    ("method", method),
                    ("code", code),
                ];
                let mut random = Random(seed);
                let most = 400 / seed as i64 + 2;
                let mut count = 0.0;
                all.push(Written::floats("requests_total", &labels, |tick| {
                    if instance == "b:80" && (tick == 200 || tick == 350) {
                        count = 0.0;
                    }
                    count += random.below(most) as f64;
                    let away = instance == "c:80" && (150..190).contains(&tick);
                    let unborn = method == "POST" && code == "500" && tick < 60;
                    match tick {
                        150 if away => Some(stale()),
                        _ if away || unborn => None,
                        _ => Some(count),
                    }
                }));
            }
        }
    }
    let mut random = Random(99);
    let mut count = 0.0;
    let labels = [
        ("job", "web"),
        ("instance", "x:80"),
        ("method", "GET"),
        ("code", "200"),
    ];
    all.push(Written::floats("requests_total", &labels, |_| {
        count += random.below(50) as f64;
        Some(count)
    }));
}

/// Seconds with decimals, which do not add up without rounding.
fn processors(all: &mut Vec<Written>) {
    let mut seed = 200;
    for instance in ["d:9100", "e:9100"] {
        for cpu in ["0", "1"] {
            for mode in ["idle", "system", "user"] {
                seed += 1;
                let mut random = Random(seed);
                let mut hundredths = 1_000_000 + random.below(1_000_000);
                let labels = [
                    ("job", "node"),
                    ("instance", instance),
                    ("cpu", cpu),
                    ("mode", mode),
                ];
                all.push(Written::floats("cpu_seconds_total", &labels, |_| {
                    hundredths += random.below(1_500);
                    Some(hundredths as f64 / 100.0)
                }));
            }
        }
    }
}

/// Late, rare, short and ending series.
fn irregular(all: &mut Vec<Written>) {
    for (instance, seed) in [("a:80", 301), ("b:80", 302)] {
        let mut random = Random(seed);
        let mut count = 0.0;
        let written = Written::floats("jitter_total", &[("instance", instance)], |_| {
            count += random.below(30) as f64 / 4.0;
            Some(count)
        });
        all.push(written.jittered(&mut Random(seed + 10), 14_000));
    }
    for (kind, every) in [("deploy", 28), ("backup", 19), ("rare", 120)] {
        let mut count = 0.0;
        all.push(Written::floats("events_total", &[("kind", kind)], |tick| {
            count += 1.0;
            (tick % every == every / 2).then_some(count)
        }));
    }
    all.push(Written::floats("one_sample", &[], |tick| {
        (tick == 270).then_some(7.0)
    }));
    all.push(Written::floats("two_samples", &[], |tick| {
        matches!(tick, 270 | 273).then_some(tick as f64)
    }));
    // One ends with a marker, the other without.
    for (kind, marked) in [("told", true), ("untold", false)] {
        all.push(Written::floats(
            "ending",
            &[("kind", kind)],
            |tick| match tick {
                ..300 => Some(tick as f64 * 2.0),
                300 if marked => Some(stale()),
                _ => None,
            },
        ));
    }
    all.push(Written::floats("flapping", &[], |tick| {
        Some(if tick % 7 < 3 { stale() } else { tick as f64 })
    }));
}

/// Numbers near the ends of what is exact.
fn sizes(all: &mut Vec<Written>) {
    for (kind, from, by) in [
        ("beyond", 9_007_199_254_740_993.0, 3.0),
        ("below", 4_503_599_627_370_497.0, 1.5),
        ("huge", 1e300, 1e295),
        ("small", 1e-300, 1e-302),
    ] {
        all.push(Written::floats("sized_total", &[("kind", kind)], |tick| {
            Some(from + by * tick as f64)
        }));
    }
}
