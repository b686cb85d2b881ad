//! The boards of `dashboards/`: built by the rules of Grafana's linter, and every question of every
//! panel asked of the real binary.

mod rules;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::http::{self, escaped};
use crate::process::{Scratch, Weft};

/// What Grafana puts for its own variables when one looks at the last hour.
const INTERVALS: [(&str, &str); 4] = [
    ("$__rate_interval", "1m"),
    ("$__interval", "30s"),
    ("$__range", "1h"),
    ("$__auto", "1m"),
];

/// The share of a board's questions that must have an answer on any machine: some have no swap, and
/// an idle disk has no time for an operation.
const ANSWERED_MIN: f64 = 0.9;

/// Metrics with a label of reasons, which are not there before the first one.
const ONLY_IN_TROUBLE: [&str; 6] = [
    "weft_agent_dropped_total",
    "weft_agent_gaps_total",
    "weft_aggregator_dropped_total",
    "weft_collector_dropped_items_total",
    "weft_collector_refused_batches_total",
    "weft_collector_refused_channels_total",
];

struct Board {
    name: String,
    json: Value,
}

/// One question of a panel, with all variables of its board put in.
struct Question {
    panel: String,
    raw: String,
    query: String,
}

impl Board {
    fn all() -> Vec<Board> {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards");
        let mut boards: Vec<Board> = fs::read_dir(dir)
            .unwrap()
            .map(|it| Board::read(&it.unwrap().path()))
            .collect();
        boards.sort_by(|a, b| a.name.cmp(&b.name));
        boards
    }

    fn read(path: &Path) -> Board {
        let text = fs::read_to_string(path).unwrap();
        let json =
            serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        Board {
            name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
            json,
        }
    }

    fn named(name: &str) -> Board {
        Board::all()
            .into_iter()
            .find(|board| board.name == name)
            .unwrap()
    }

    fn panels(&self) -> Vec<&Value> {
        let all = self.json["panels"].as_array().unwrap();
        all.iter().filter(|panel| panel["type"] != "row").collect()
    }

    fn variables(&self) -> &Vec<Value> {
        self.json["templating"]["list"].as_array().unwrap()
    }

    fn variable(&self, name: &str) -> &Value {
        self.variables()
            .iter()
            .find(|it| it["name"] == name)
            .unwrap_or(&Value::Null)
    }

    /// Returns whether its data source is `prometheus` or `loki`.
    fn language(&self) -> &str {
        self.variable("datasource")["query"]
            .as_str()
            .unwrap_or_default()
    }

    fn questions(&self) -> Vec<Question> {
        let of_panel = |panel: &Value| -> Vec<Question> {
            let title = format!("{}: {}", self.name, text(panel, "title"));
            let targets = panel["targets"].as_array().cloned().unwrap_or_default();
            let question = |target: &Value| {
                let raw = text(target, "expr").to_owned();
                Question {
                    panel: title.clone(),
                    query: self.filled(&raw),
                    raw,
                }
            };
            targets.iter().map(question).collect()
        };
        self.panels().into_iter().flat_map(of_panel).collect()
    }

    /// Puts in what Grafana does when everything is chosen and nothing is typed.
    fn filled(&self, raw: &str) -> String {
        let mut query = raw.to_owned();
        for (name, value) in INTERVALS {
            query = query.replace(name, value);
        }
        for variable in self.variables() {
            let value = match text(variable, "type") {
                "query" => text(variable, "allValue"),
                "textbox" => text(variable, "query"),
                _ => continue,
            };
            query = query.replace(&format!("${}", text(variable, "name")), value);
        }
        query
    }
}

fn text<'a>(json: &'a Value, key: &str) -> &'a str {
    json[key].as_str().unwrap_or_default()
}

fn ask(weft: &Weft, board: &Board, question: &Question) -> Value {
    let query = escaped(&question.query);
    let target = match board.language() {
        "loki" => format!("/loki/api/v1/query_range?query={query}&since=1h&step=60s&limit=100"),
        _ => format!("/api/v1/query?query={query}"),
    };
    let answer = weft.get(&target);
    assert_eq!(
        answer.status,
        200,
        "{}: {}: {}",
        question.panel,
        question.query,
        answer.text()
    );
    answer.json()["data"]["result"].clone()
}

#[test]
fn every_board_follows_the_rules() {
    let boards = Board::all();
    assert!(boards.len() >= 3);
    let faults: Vec<String> = boards.iter().flat_map(rules::faults_of).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_question_of_every_board_is_understood() {
    let scratch = Scratch::new("boards");
    let weft = Weft::start(scratch.path(), "aggregator", &[]);
    for board in Board::all() {
        for question in board.questions() {
            ask(&weft, &board, &question);
        }
    }
}

#[test]
fn nearly_every_question_of_the_node_board_has_an_answer() {
    let scratch = Scratch::new("node-board");
    let weft = Weft::start(scratch.path(), "up", &["--interval", "1s"]);
    let board = Board::named("weft-node");
    let questions = board.questions();
    let enough = (ANSWERED_MIN * questions.len() as f64).ceil() as usize;
    let is_answered = |weft: &Weft, question: &Question| {
        ask(weft, &board, question)
            .as_array()
            .is_some_and(|it| !it.is_empty())
    };
    weft.wait(&format!("answers to {enough} questions"), |weft| {
        let answered = questions
            .iter()
            .filter(|question| is_answered(weft, question))
            .count();
        (answered >= enough).then_some(())
    });
}

/// Returns the names of weft's own metrics in a text.
fn own_names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words
        .filter(|word| word.starts_with("weft_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_board_of_weft_itself_reads_names_that_exist() {
    let scratch = Scratch::new("self-board");
    let weft = Weft::start(scratch.path(), "up", &["--interval", "1s"]);
    let told = weft.wait("batch through all roles", |weft| {
        let told = own_names(&http::request(weft.admin, "GET", "/metrics", &[], b"")?.text());
        let flows = [
            "weft_collector_forwarded_batches_total",
            "weft_collector_ack_seconds",
        ];
        flows
            .iter()
            .all(|name| told.contains(*name))
            .then_some(told)
    });
    let read = Board::named("weft-self")
        .questions()
        .into_iter()
        .map(|it| it.query)
        .collect::<String>();
    let is_missing =
        |name: &String| !told.contains(name) && !ONLY_IN_TROUBLE.contains(&name.as_str());
    let missing: Vec<String> = own_names(&read).into_iter().filter(is_missing).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
