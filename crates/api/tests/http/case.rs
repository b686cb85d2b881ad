//! A file of cases: each a remark, a request, `---`, and the answer; `===` between two.

use std::fmt::Write as _;

use axum::body::Body;
use axum::http::{HeaderMap, Request};
use axum::response::Response;
use http_body_util::BodyExt;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

use crate::stores;

const BETWEEN_CASES: &str = "\n===\n";
const BEFORE_ANSWER: &str = "\n---";

/// Headers that every answer has, which a test of their own looks at.
const EVERYWHERE: [&str; 5] = [
    "vary",
    "access-control-allow-origin",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-expose-headers",
];

/// Sends the requests of a file and returns the file with the answers that came.
pub(crate) async fn answer_all(text: &str) -> String {
    let mut answered = Vec::new();
    for case in text.trim_end().split(BETWEEN_CASES) {
        let request = case.split(BEFORE_ANSWER).next().unwrap().trim();
        let answer = answer(request).await;
        answered.push(format!("{request}\n---\n{answer}"));
    }
    answered.join("===\n")
}

async fn answer(request: &str) -> String {
    let api = stores::api();
    let service = TowerToHyperService::new(api.router());
    let response = service.call(parse(request)).await.unwrap();
    print(response).await
}

fn parse(text: &str) -> Request<Body> {
    let lines = text.lines().skip_while(|line| line.starts_with('#'));
    let (head, body) = split_at_empty(&lines.collect::<Vec<_>>());
    let (method, path) = head[0].split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(path);
    for line in &head[1..] {
        let (name, value) = line.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    request.body(Body::from(stores::payload(&body))).unwrap()
}

fn split_at_empty(lines: &[&str]) -> (Vec<String>, String) {
    let end = lines
        .iter()
        .position(|line| line.is_empty())
        .unwrap_or(lines.len());
    let head = lines[..end].iter().map(|line| (*line).to_owned()).collect();
    (head, lines.get(end + 1..).unwrap_or_default().join("\n"))
}

async fn print(response: Response) -> String {
    let mut text = format!("{}\n", response.status().as_u16());
    print_headers(&mut text, response.headers());
    let kind = response.headers().get("content-type");
    let is_binary = kind.is_some_and(|kind| kind.to_str().unwrap().contains("protobuf"));
    let is_snappy = response.headers().contains_key("content-encoding");
    let body = response.into_body().collect().await;
    let Ok(body) = body.map(|body| body.to_bytes()) else {
        return text + "\nbroken off\n";
    };
    let words = match (is_binary, is_snappy) {
        (false, _) => String::from_utf8_lossy(&body).trim_end().to_owned(),
        (true, false) => hex(&body),
        (true, true) => hex(&snap::raw::Decoder::new().decompress_vec(&body).unwrap()),
    };
    if !words.is_empty() {
        writeln!(text, "\n{words}").unwrap();
    }
    text
}

fn hex(bytes: &[u8]) -> String {
    let digits = |line: &[u8]| line.iter().map(|byte| format!("{byte:02x}")).collect();
    let lines: Vec<String> = bytes.chunks(40).map(digits).collect();
    lines.join("\n")
}

fn print_headers(text: &mut String, headers: &HeaderMap) {
    for (name, value) in headers {
        if !EVERYWHERE.contains(&name.as_str()) {
            writeln!(text, "{name}: {}", value.to_str().unwrap()).unwrap();
        }
    }
}
