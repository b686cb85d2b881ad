//! How large the terminal is, and whether it has colours.

use super::chart::Room;

/// Returns the terminal's size; 80 by 24 when that is not known.
pub(crate) fn of_terminal() -> Room {
    let known = terminal_size::terminal_size();
    known.map_or(
        Room {
            width: 80,
            height: 24,
        },
        |(width, height)| Room {
            width: usize::from(width.0),
            height: usize::from(height.0),
        },
    )
}

/// Tells whether colours are wanted: not with `NO_COLOR` or on a terminal that calls itself dumb.
pub(crate) fn has_colors() -> bool {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    set("NO_COLOR").is_none() && set("TERM").is_some_and(|term| term != "dumb")
}
