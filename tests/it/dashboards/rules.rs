//! The rules that a board has to follow: those of Grafana's linter, and a few of our own.
//!
//! In: a board. Out: one line for each fault.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Board, Question, text};

/// Returns everything that is wrong with a board.
pub(super) fn faults_of(board: &Board) -> Vec<String> {
    let mut faults = Faults {
        board,
        found: Vec::new(),
    };
    faults.check_head();
    faults.check_variables();
    board
        .panels()
        .into_iter()
        .for_each(|panel| faults.check_panel(panel));
    faults.check_places();
    board
        .questions()
        .iter()
        .for_each(|question| faults.check_question(question));
    faults.found
}

/// Faults of a board, as they are found.
struct Faults<'a> {
    board: &'a Board,
    found: Vec<String>,
}

impl Faults<'_> {
    fn unless(&mut self, is_right: bool, place: &str, rule: &str) {
        if !is_right {
            self.found
                .push(format!("{}: {place}: {rule}", self.board.name));
        }
    }

    fn check_head(&mut self) {
        let json = &self.board.json;
        let version = json["schemaVersion"].as_u64().unwrap_or_default();
        self.unless(
            json["uid"] == *self.board.name,
            "uid",
            "is the name of the file",
        );
        self.unless(
            (39..=41).contains(&version),
            "schemaVersion",
            "is one that Grafana 10 to 13 read",
        );
        self.unless(json["editable"] == false, "editable", "is false");
        self.unless(json["id"].is_null(), "id", "is given by Grafana");
        self.unless(
            json["tags"] == serde_json::json!(["weft"]),
            "tags",
            "are weft",
        );
        for key in ["title", "description"] {
            self.unless(!text(json, key).is_empty(), key, "is there");
        }
    }

    fn check_variables(&mut self) {
        let board = self.board;
        self.unless(
            ["prometheus", "loki"].contains(&board.language()),
            "datasource",
            "is chosen",
        );
        self.unless(board.variable("job").is_object(), "job", "is a variable");
        for variable in board.variables().iter().filter(|it| it["type"] == "query") {
            let place = text(variable, "name");
            self.unless(
                variable["datasource"]["uid"] == "${datasource}",
                place,
                "is asked of the datasource",
            );
            self.unless(variable["refresh"] == 2, place, "follows the chosen time");
            self.unless(variable["multi"] == true, place, "takes several values");
            self.unless(variable["includeAll"] == true, place, "can be all");
            self.unless(
                [".+", ".*"].contains(&text(variable, "allValue")),
                place,
                "is a pattern when it is all",
            );
        }
    }

    fn check_panel(&mut self, panel: &Value) {
        let title = text(panel, "title");
        let unit = text(&panel["fieldConfig"]["defaults"], "unit");
        self.unless(!title.is_empty(), &panel["id"].to_string(), "has a title");
        self.unless(
            text(panel, "description").ends_with('.'),
            title,
            "is described in a sentence",
        );
        self.unless(
            !unit.is_empty() || panel["type"] == "logs",
            title,
            "has a unit",
        );
        let targets = panel["targets"].as_array().cloned().unwrap_or_default();
        self.unless(!targets.is_empty(), title, "asks something");
        for asking in targets.iter().chain([panel]) {
            let source = &asking["datasource"];
            self.unless(
                source["uid"] == "${datasource}",
                title,
                "is asked of the datasource",
            );
            self.unless(
                source["type"] == self.board.language(),
                title,
                "speaks the language of the datasource",
            );
        }
    }

    fn check_places(&mut self) {
        let mut taken = BTreeSet::new();
        let mut ids = BTreeSet::new();
        for panel in self.board.json["panels"].as_array().unwrap() {
            let title = text(panel, "title");
            let [x, y, w, h] =
                ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap());
            let cells = (x..x + w).flat_map(|column| (y..y + h).map(move |row| (column, row)));
            let is_free = cells
                .map(|cell| taken.insert(cell))
                .filter(|is_new| !is_new)
                .count()
                == 0;
            self.unless(is_free && x + w <= 24, title, "has a place of its own");
            self.unless(
                ids.insert(panel["id"].as_u64().unwrap()),
                title,
                "has an id of its own",
            );
        }
    }

    fn check_question(&mut self, question: &Question) {
        let (place, raw) = (&question.panel, &question.raw);
        self.unless(
            !question.query.contains('$'),
            place,
            "uses known variables only",
        );
        self.unless(
            !raw.contains("[1") && !raw.contains("[5"),
            place,
            "takes its ranges from Grafana",
        );
        let selectors = raw.matches('{').count();
        self.unless(
            raw.matches("job=~\"$job\"").count() == selectors,
            place,
            "selects the job everywhere",
        );
        if self.board.language() == "loki" {
            return;
        }
        self.unless(
            raw.matches("instance=~\"$instance\"").count() == selectors,
            place,
            "selects the instance everywhere",
        );
        for (end, _) in raw.match_indices("_total{") {
            let name_at = raw[..end]
                .rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .map_or(0, |at| at + 1);
            let before = &raw[..name_at];
            let is_rated = ["rate(", "increase(", "count by (instance) ("]
                .iter()
                .any(|it| before.ends_with(it));
            self.unless(
                is_rated,
                place,
                "takes the rate of a counter, or only counts it",
            );
        }
        for range in raw.split('[').skip(1) {
            self.unless(
                range.starts_with("$__rate_interval]"),
                place,
                "takes rates over $__rate_interval",
            );
        }
    }
}
