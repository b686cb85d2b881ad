//! `weft query`: asks the aggregator in PromQL.
//!
//! In: what was typed. Out: a table, on a terminal a chart for a range, or CSV or the JSON as it
//! came. Warnings go to stderr. A fault in the query is shown below its place.

mod answer;
mod fault;
mod request;
mod show;

use std::io::IsTerminal;

use anyhow::{Context, Result};
use serde_json::Value;
use weft_stdx::Clock;

use crate::args::Query;
use crate::exit::Exit;
use crate::http;
use crate::print::chart::{self, Room};
use crate::print::{self, size};
use answer::Answer;

pub(crate) async fn run(query: &Query, clock: &Clock) -> Result<Exit> {
    let request = request::of(query, clock)?;
    let parameters = request.parameters();
    let borrowed: Vec<(&str, &str)> = parameters.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let reply = http::get(&query.asking.url, request.path(), &borrowed).await?;
    let document: Value = serde_json::from_slice(&reply.body)
        .with_context(|| format!("read the answer (status {})", reply.status))?;
    if query.asking.json {
        print::line(&document.to_string());
        return Ok(match reply.status {
            200 => Exit::Done,
            _ => Exit::Failed,
        });
    }
    if document["status"] != "success" {
        let error = document["error"].as_str();
        let error = error.unwrap_or("the aggregator refused the query");
        crate::complain(&fault::shown(&query.promql, error));
        return Ok(Exit::Failed);
    }
    for (kind, word) in [("warnings", "warning"), ("infos", "info")] {
        for note in document[kind].as_array().into_iter().flatten() {
            let note = note.as_str().unwrap_or_default();
            crate::complain(&format!("{word}: {note}"));
        }
    }
    let answer = Answer::of(&document["data"]);
    let lines = if query.csv {
        show::csv(&answer)
    } else {
        readable(&answer, &request)
    };
    lines.iter().for_each(|line| print::line(line));
    Ok(Exit::Done)
}

/// Returns the answer for people: a chart where a terminal can show one.
fn readable(answer: &Answer, request: &request::Request) -> Vec<String> {
    let is_terminal = std::io::stdout().is_terminal();
    let room = size::of_terminal();
    match (answer, request.span()) {
        (Answer::Matrix(series), Some(span)) if is_terminal && !series.is_empty() => {
            let plots = show::plots(series);
            match size::has_colors() {
                true => chart::draw(&plots, span, chart_room(room)),
                false => show::sparks(&plots, span, room.width),
            }
        }
        _ => show::table(answer, is_terminal.then_some(room.width)),
    }
}

/// Leaves room for the axis, the legend and the next prompt.
fn chart_room(room: Room) -> Room {
    Room {
        width: room.width.min(160),
        height: (room.height / 2).clamp(7, 18),
    }
}
