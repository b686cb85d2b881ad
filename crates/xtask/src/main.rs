//! Chores of the project: `cargo xtask <chore>`.

mod edges;
mod generate;
mod promqltest;

use std::process::ExitCode;

const HELP: &str = "usage: cargo xtask <chore>\n\
    \n\
    edges       compare the crates' dependencies with the table of allowed ones\n\
    promqltest PATH...    run PromQL scripts against the engine over the TSDB\n\
    generate    write the Rust code of the messages anew (proto/src/generated)\n";

#[allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool"
)]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["edges"] => edges::check(),
        ["promqltest", paths @ ..] if !paths.is_empty() => promqltest::run_all(paths),
        ["generate"] => generate::write(),
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
