//! Compares weft with the real Prometheus: the same data written to both, the same questions asked.
//!
//! In: the lists in `tests/data/peers`, the binaries of both. Out: how many answers agree, and the
//! first that do not. A difference fails the run unless `known.txt` gives a reason for it; a known
//! difference that is gone fails it, too. Both servers live in a scratch directory that is removed.

mod answer;
mod ask;
mod data;
mod encode;
pub(crate) mod http;
mod known;
mod listed;
mod report;
pub(crate) mod server;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use ask::{Asked, Question};
use http::Client;
use known::Known;
use report::Report;
use server::{Binaries, Scratch, Server};

/// Where the lists are.
const LISTS: &str = "tests/data/peers";

/// Runs the comparison of PromQL; with an expression, shows both answers to it.
pub(crate) fn promql(expression: Option<&str>) -> Result<()> {
    let Some(prometheus) = server::peer("prometheus")? else {
        return Ok(());
    };
    let binaries = Binaries {
        prometheus,
        weft: server::weft()?,
    };
    let scratch = Scratch::new("promql")?;
    let mut pair = Pair::start(&binaries, &scratch)?;
    pair.write_all()?;
    match expression {
        Some(expression) => pair.show(expression),
        None => pair.compare_all(),
    }
}

/// The two servers.
struct Pair {
    theirs: Client,
    ours: Client,
    /// They live as long as the pair.
    _servers: [Server; 2],
}

impl Pair {
    fn start(binaries: &Binaries, scratch: &Scratch) -> Result<Pair> {
        let theirs = server::start_prometheus(&binaries.prometheus, scratch.path())?;
        let ours = server::start_weft(&binaries.weft, scratch.path())?;
        Ok(Pair {
            theirs: Client::new(theirs.port),
            ours: Client::new(ours.port),
            _servers: [theirs, ours],
        })
    }

    /// Writes the data to both, tick by tick, as a sender would.
    fn write_all(&mut self) -> Result<()> {
        for body in data::requests()? {
            for (name, client) in [("Prometheus", &mut self.theirs), ("weft", &mut self.ours)] {
                let answer = client.remote_write(&body)?;
                if answer.status / 100 != 2 {
                    bail!(
                        "{name} refuses the data: {}: {}",
                        answer.status,
                        answer.text()
                    );
                }
            }
        }
        Ok(())
    }

    fn ask(&mut self, question: &Question) -> Result<Asked> {
        Ok(Asked {
            theirs: question
                .put_to(&mut self.theirs)
                .context("ask Prometheus")?,
            ours: question.put_to(&mut self.ours).context("ask weft")?,
        })
    }

    fn show(&mut self, expression: &str) -> Result<()> {
        let report = Report::new();
        for question in ask::forms_of(expression) {
            let asked = self.ask(&question)?;
            report.show(&question, &asked)?;
        }
        Ok(())
    }

    fn compare_all(&mut self) -> Result<()> {
        let queries = listed::read(&list("queries.txt"))?;
        let requests = listed::read(&list("requests.txt"))?;
        let mut known = Known::read(&list("known.txt"))?;
        let mut report = Report::new();
        let mut ask_all = |pair: &mut Pair, questions: &mut dyn Iterator<Item = Question>| {
            for question in questions {
                let asked = pair.ask(&question)?;
                let found = answer::compare(&question, &asked);
                report.add(&question, &asked, found, &mut known)?;
            }
            Ok::<_, anyhow::Error>(())
        };
        let mut of_queries = queries.iter().flat_map(|query| ask::forms_of(query));
        let mut of_requests = requests.iter().map(|line| ask::request(line));
        ask_all(self, &mut of_queries)?;
        // Until now most came from memory; from here on it comes from files.
        self.ours.post_form("/-/flush", &[])?;
        ask_all(self, &mut of_requests)?;
        report.finish(queries.len(), requests.len(), &known)
    }
}

fn list(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.join(LISTS).join(name)
}
