//! Questions in the forms in which both servers get them.

use anyhow::{Context, Result};
use serde_json::Value;

use super::data::START_MS;
use super::http::{Client, encode_form};

/// One request to the API.
pub(super) struct Question {
    /// The expression, or the line of the list.
    pub(super) text: String,
    /// In which form it is asked, for people.
    pub(super) form: &'static str,
    path: String,
    params: Vec<(String, String)>,
}

/// What both said.
pub(super) struct Asked {
    pub(super) theirs: Said,
    pub(super) ours: Said,
}

/// What one server said.
pub(super) struct Said {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Question {
    pub(super) fn put_to(&self, client: &mut Client) -> Result<Said> {
        let params: Vec<(&str, &str)> = self
            .params
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let answer = if self.form == REQUEST {
            client.get(&format!("/api/v1/{}?{}", self.path, encode_form(&params)))
        } else {
            client.post_form(&format!("/api/v1/{}", self.path), &params)
        }?;
        let body = serde_json::from_slice(&answer.body).with_context(|| {
            let (text, status) = (answer.text(), answer.status);
            format!("read the answer to {}: {status}: {text:.200}", self.text)
        })?;
        Ok(Said {
            status: answer.status,
            body,
        })
    }
}

/// A request that is no query.
const REQUEST: &str = "request";

/// Returns the forms in which each expression is asked: at a time between two ticks, after the end
/// of the data, over a quarter of an hour in odd steps, and over all.
pub(super) fn forms_of(expression: &str) -> Vec<Question> {
    let at = |minutes: i64, millis: i64| {
        let time = START_MS + minutes * 60_000 + millis;
        format!("{}.{:03}", time / 1000, time % 1000)
    };
    let question = |form, path: &str, params: &[(&str, &str)]| {
        let mut all = vec![("query".to_owned(), expression.to_owned())];
        all.extend(
            params
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        Question {
            text: expression.to_owned(),
            form,
            path: path.to_owned(),
            params: all,
        }
    };
    let instant = |form, time: String| question(form, "query", &[("time", &time)]);
    let range = |form, start: String, end: String, step: &str| {
        let params = [
            ("start", start.as_str()),
            ("end", end.as_str()),
            ("step", step),
        ];
        question(form, "query_range", &params)
    };
    vec![
        instant("instant", at(97, 3_123)),
        instant("instant at the end", at(122, 0)),
        range("range", at(60, 0), at(75, 7_000), "37"),
        range("range over all", at(-2, 0), at(126, 0), "5m"),
    ]
}

/// Reads a line such as `labels & match[]=up & limit=3`.
pub(super) fn request(line: &str) -> Question {
    let mut words = line.split(" & ");
    let path = words.next().unwrap_or_default().trim().to_owned();
    let params = words
        .filter_map(|word| word.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    Question {
        text: line.to_owned(),
        form: REQUEST,
        path,
        params: params.collect(),
    }
}
