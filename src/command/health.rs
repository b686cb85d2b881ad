//! `weft health` and `weft status`: what the weft process on this node says of itself.
//!
//! Both read the admin port's `/status`. Health is a verdict with an exit code: 0 well, 1 degraded,
//! 2 broken or not running. Status is numbers.

use std::collections::BTreeSet;

use anyhow::Result;
use serde_json::{Value, json};
use sysinfo::{Disks, MemoryRefreshKind, RefreshKind, System};
use weft_stdx::text;

use crate::args::Health;
use crate::exit::Exit;
use crate::http;
use crate::print;

/// Below this share of free space or memory the machine itself counts as degraded.
const SCARCE: f64 = 0.05;

/// Prints the verdict on this node.
pub(crate) async fn health(health: &Health) -> Result<Exit> {
    let (verdict, mut checks) = match ask(health).await {
        Ok(status) => (verdict_of(&status), checks_of(&status)),
        Err(error) => {
            let why = format!("no weft process answers at {}: {error:#}", health.admin);
            (Exit::Unusable, vec![check("process", "broken", &why)])
        }
    };
    let machine = machine_checks();
    let is_scarce = machine.iter().any(|check| check["condition"] != "well");
    checks.extend(machine);
    let verdict = if verdict == Exit::Done && is_scarce {
        Exit::Failed
    } else {
        verdict
    };
    let word = match verdict {
        Exit::Done => "well",
        Exit::Failed => "degraded",
        Exit::Unusable => "broken",
    };
    if health.json {
        print::line(&json!({ "health": word, "checks": checks }).to_string());
        return Ok(verdict);
    }
    print::line(word);
    for check in &checks {
        let said = |key: &str| check[key].as_str().unwrap_or_default().to_owned();
        let why = said("why");
        let colon = if why.is_empty() { "" } else { ": " };
        print::line(&format!(
            "  {:<16} {}{colon}{why}",
            said("name"),
            said("condition")
        ));
    }
    Ok(verdict)
}

/// Prints the numbers of this node's process.
pub(crate) async fn status(health: &Health) -> Result<Exit> {
    let status = ask(health).await?;
    if health.json {
        print::line(&status.to_string());
        return Ok(Exit::Done);
    }
    let mut lines = Vec::new();
    flatten("", &status, &mut lines);
    let width = lines
        .iter()
        .map(|(name, _)| name.len())
        .max()
        .unwrap_or_default();
    for (name, value) in lines {
        print::line(&format!("{name:<width$}  {value}"));
    }
    Ok(Exit::Done)
}

async fn ask(health: &Health) -> Result<Value> {
    let base = format!("http://{}", health.admin);
    let answer = http::get(&base, "/status", &[]).await?;
    Ok(serde_json::from_slice(&answer.body)?)
}

fn verdict_of(status: &Value) -> Exit {
    let conditions = || status["components"].as_array().into_iter().flatten();
    let any = |word: &str| conditions().any(|component| component["condition"] == word);
    if any("broken") || status["state"] == "stopping" {
        Exit::Unusable
    } else if any("degraded") || any("starting") {
        Exit::Failed
    } else {
        Exit::Done
    }
}

fn checks_of(status: &Value) -> Vec<Value> {
    status["components"].as_array().cloned().unwrap_or_default()
}

fn check(name: &str, condition: &str, why: &str) -> Value {
    json!({ "name": name, "condition": condition, "why": why })
}

/// Looks at the machine itself: memory, and the file systems with data on them.
fn machine_checks() -> Vec<Value> {
    let memory_only = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let mut checks = match System::new_with_specifics(memory_only) {
        Ok(system) => vec![scarcity(
            "memory",
            system.available_memory(),
            system.total_memory(),
        )],
        Err(error) => vec![check(
            "memory",
            "degraded",
            &format!("cannot be read: {error}"),
        )],
    };
    let disks = match Disks::new_with_refreshed_list() {
        Ok(disks) => disks,
        Err(error) => {
            checks.push(check(
                "disks",
                "degraded",
                &format!("cannot be read: {error}"),
            ));
            return checks;
        }
    };
    let mut seen = BTreeSet::new();
    for disk in &disks {
        let mount = disk.mount_point().display().to_string();
        let is_real = disk.total_space() > 0 && !disk.is_read_only();
        if is_real && seen.insert(disk.name().to_owned()) {
            checks.push(scarcity(
                &format!("disk {mount}"),
                disk.available_space(),
                disk.total_space(),
            ));
        }
    }
    checks
}

fn scarcity(name: &str, free: u64, total: u64) -> Value {
    let said = format!("{} of {} free", text::bytes(free), text::bytes(total));
    let is_scarce = total > 0 && (free as f64) < SCARCE * total as f64;
    check(name, if is_scarce { "degraded" } else { "well" }, &said)
}

fn flatten(path: &str, value: &Value, lines: &mut Vec<(String, String)>) {
    let below = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    match value {
        Value::Object(entries) => {
            for (name, inner) in entries {
                flatten(&below(name), inner, lines);
            }
        }
        Value::Array(items) => {
            for (i, inner) in items.iter().enumerate() {
                let name = inner["name"]
                    .as_str()
                    .map_or_else(|| i.to_string(), str::to_owned);
                match inner["condition"].as_str() {
                    Some(condition) => lines.push((below(&name), condition.to_owned())),
                    None => flatten(&below(&name), inner, lines),
                }
            }
        }
        Value::String(text) => lines.push((path.to_owned(), text.clone())),
        Value::Null => {}
        other => {
            let readable = other
                .as_u64()
                .filter(|_| path.ends_with("_bytes"))
                .map(text::bytes);
            lines.push((
                path.to_owned(),
                readable.unwrap_or_else(|| other.to_string()),
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(components: &[&str]) -> Exit {
        let named = components.iter().map(|condition| check("x", condition, ""));
        verdict_of(&json!({ "state": "running", "components": named.collect::<Vec<_>>() }))
    }

    #[test]
    fn the_worst_component_decides() {
        assert_eq!(verdict(&["well", "well"]), Exit::Done);
        assert_eq!(verdict(&["well", "degraded"]), Exit::Failed);
        assert_eq!(verdict(&["broken", "degraded"]), Exit::Unusable);
    }

    #[test]
    fn numbers_are_listed_with_their_paths() {
        let mut lines = Vec::new();
        let status = json!({ "agent": { "lag_bytes": 2048, "series": 3 }, "components": [check("tsdb", "well", "")] });
        flatten("", &status, &mut lines);
        let expected = [
            ("agent.lag_bytes", "2.00 KiB"),
            ("agent.series", "3"),
            ("components.tsdb", "well"),
        ];
        assert_eq!(
            lines,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }
}
