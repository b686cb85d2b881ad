use expect_test::{Expect, expect};

use super::*;

/// Draws and writes colours as `<n>`.
fn check(plots: &[Plot], span: Span, room: Room, expected: &Expect) {
    let lines = draw(plots, span, room).join("\n") + "\n";
    let plain = lines
        .replace("\x1b[0m", "")
        .replace("\x1b[36m", "")
        .replace("\x1b[33m", "");
    expected.assert_eq(&plain);
}

fn plot(name: &str, values: impl Iterator<Item = f64>) -> Plot {
    let times = (0..).map(|at| 1_700_000_000.0 + f64::from(at) * 60.0);
    Plot {
        labels: Labels::from_pairs([("__name__", "x"), ("job", "a"), ("host", name)]),
        points: times.zip(values).collect(),
    }
}

const HOUR: Span = Span {
    start: 1_700_000_000.0,
    end: 1_700_003_600.0,
    step: 60.0,
};

const ROOM: Room = Room {
    width: 72,
    height: 12,
};

#[test]
fn a_series_rises_from_left_to_right() {
    let rising = plot("one", (0..=60).map(|at| f64::from(at) * 1500.0));
    check(
        &[rising],
        HOUR,
        ROOM,
        &expect![[r#"
        2023-11-14 22:13:20 to 23:13:20 UTC, every 1m
        100k ┤
             │                                                           ⢀⣀⠤⠤⠒⠉
             │                                                    ⣀⣀⡠⠔⠒⠊⠉⠁
             │                                             ⢀⣀⣀⠤⠒⠒⠉
             │                                       ⢀⡠⠤⠔⠒⠊⠁
         50k ┤                                 ⣀⠤⠤⠒⠉⠉⠁
             │                          ⢀⡠⠤⠔⠊⠉⠉
             │                   ⣀⣀⠤⠒⠒⠉⠉⠁
             │            ⢀⣀⡠⠔⠒⠒⠉
             │      ⣀⠤⠤⠒⠒⠊⠁
          0k ┤⡠⠤⠔⠒⠉⠉
             └──┬───────────────┬───────────────┬───────────────┬──────────────
               22:15           22:30           22:45           23:00
                                   min  max  last
        ━━ x{host="one", job="a"}    0  90k   90k
    "#]],
    );
}

#[test]
fn gaps_stay_gaps_and_shared_labels_are_told_once() {
    let wave = plot("wave", (0..=60).map(|at| 2.0 + (f64::from(at) / 6.0).sin()));
    let gaps = plot(
        "gaps",
        (0..=60).map(|at| if at % 20 < 10 { 0.25 } else { f64::NAN }),
    );
    check(
        &[wave, gaps],
        HOUR,
        ROOM,
        &expect![[r#"
        x{job="a"}   2023-11-14 22:13:20 to 23:13:20 UTC, every 1m
        3 ┤     ⢀⡠⠔⠊⠉⠉⠉⠉⠒⠤⣀                                ⣀⠤⠒⠊⠉⠉⠑⠒⠒⢄
          │   ⢀⠔⠁          ⠑⠢⡀                          ⢀⠔⠊          ⠉⠢⣀
          │ ⡠⠔⠁              ⠈⠢⢄                      ⢀⠔⠁               ⠑⢄
        2 ┤⠊                    ⠑⢄                  ⢀⠔⠁                   ⠑⢄⡀
          │                       ⠣⣀              ⢀⠔⠁                       ⠈⠢⡀
          │                         ⠑⠢⡀        ⢀⠤⠒⠁                           ⠈
        1 ┤                           ⠈⠉⠒⠤⠤⠤⠔⠒⠊⠁
          │
          │
        0 ┤⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠁           ⠈⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉            ⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠁           ⠈
          └──┬────────────────┬───────────────┬────────────────┬───────────────
            22:15            22:30           22:45            23:00
                            min   max   last
        ━━ {host="wave"}  1.001     3  1.456
        ━━ {host="gaps"}   0.25  0.25   0.25
    "#]],
    );
}

#[test]
fn one_value_and_no_value_are_drawn_too() {
    check(
        &[plot("flat", [0.0; 61].into_iter())],
        HOUR,
        ROOM,
        &expect![[r#"
            2023-11-14 22:13:20 to 23:13:20 UTC, every 1m
            1.0 ┤
                │
                │
                │
                │
            0.5 ┤
                │
                │
                │
                │
            0.0 ┤⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀
                └──┬───────────────┬───────────────┬────────────────┬──────────────
                  22:15           22:30           22:45            23:00
                                        min  max  last
            ━━ x{host="flat", job="a"}    0    0     0
        "#]],
    );
    check(
        &[plot("none", std::iter::empty())],
        HOUR,
        ROOM,
        &expect![[r#"
            no number to draw
        "#]],
    );
}

#[test]
fn more_series_than_colours_are_counted() {
    let plots: Vec<Plot> = (0..15)
        .map(|at| plot(&format!("{at}"), [1.0].into_iter()))
        .collect();
    let lines = draw(&plots, HOUR, ROOM);
    assert!(lines.last().unwrap().contains("3 more series"));
}

#[test]
fn values_of_any_size_fit_on_the_axis() {
    for (least, greatest) in [
        (0.0, 1e-12),
        (-5.0, 5.0),
        (1e300, 1.5e300),
        (99.99, 100.01),
        (f64::MIN, f64::MAX),
        (-7.0, -7.0),
    ] {
        let plots = [plot("any", [least, greatest].into_iter())];
        let lines = draw(&plots, HOUR, ROOM);
        assert!(lines.len() < 24, "{least} {greatest}: {lines:#?}");
    }
}
