//! weft: metrics, logs, alerts and self-healing of a fleet, in one binary.
//!
//! In: what was typed. Out: a role that runs until it is stopped, or an answer on stdout.
//! Errors are one line on stderr; exit codes are in [`exit`].

mod args;
mod command;
mod config;
mod exit;
mod http;
mod print;
mod status;

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use weft_stdx::Clock;

use args::{Arguments, Command};
use command::run::Role;
use exit::Exit;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let started = Instant::now();
    weft_runtime::process::use_small_pages();
    weft_runtime::memory::give_back_at_once();
    let arguments = Arguments::parse();
    match dispatch(&arguments.command, started) {
        Ok(exit) => exit.into(),
        Err(error) => {
            complain(&format!("{error:#}"));
            Exit::Failed.into()
        }
    }
}

fn dispatch(command: &Command, started: Instant) -> anyhow::Result<Exit> {
    let clock = Clock::system();
    match command {
        Command::Up(run) => command::run::run(Role::Up, run, started),
        Command::Agent(run) => command::run::run(Role::Agent, run, started),
        Command::Collector(run) => command::run::run(Role::Collector, run, started),
        Command::Aggregator(run) => command::run::run(Role::Aggregator, run, started),
        Command::Health(health) => wait(command::health::health(health)),
        Command::Status(health) => wait(command::health::status(health)),
        Command::Query(query) => wait(command::query::run(query, &clock)),
        Command::Logs(logs) => wait(command::logs::run(logs, &clock)),
        Command::Token(token) => command::token::run(token, &clock),
        Command::Check(check) => command::check::run(check),
        Command::Restore(restore) => command::restore::run(restore),
    }
}

/// Runs a command that only asks, on this thread.
fn wait(asking: impl Future<Output = anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(asking)
}

/// Says on stderr, in one line, what went wrong.
#[allow(
    clippy::print_stderr,
    reason = "this is where the process speaks to people"
)]
pub(crate) fn complain(what: &str) {
    eprintln!("weft: {what}");
}
