//! Chores of the project: `cargo xtask <chore>`.

mod bench;
mod edges;
mod generate;
mod peers;
mod promqltest;

use std::process::ExitCode;

const HELP: &str = "usage: cargo xtask <chore>\n\
    \n\
    edges       compare the crates' dependencies with the table of allowed ones\n\
    promqltest PATH...    run PromQL scripts against the engine over the TSDB\n\
    peers promql          compare answers with those of the real Prometheus\n\
    peers promql QUERY    show the answers of both to one expression\n\
    bench dashboards [SYSTEM...] [clients=N series=N rounds=N seconds=N]\n\
                a hundred dashboards at once, on weft and on its peers\n\
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
        ["bench", "dashboards", options @ ..] => bench::dashboards(options),
        ["peers", "promql"] => peers::promql(None),
        ["peers", "promql", expression] => peers::promql(Some(expression)),
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
