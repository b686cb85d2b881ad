//! Which crate may depend on which: the law of the architecture, compared with `cargo metadata`.
//!
//! Words < engines < edges < roles < binary. An arrow that is not in the table is a design change:
//! add it here in the same commit, and say in the commit why it must be.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Every crate with those of our own that it may use, tests left out.
const EDGES: &[(&str, &[&str])] = &[
    // Words and ground.
    ("model", &[]),
    ("stdx", &[]),
    ("codec", &[]),
    ("disk", &[]),
    ("matcher", &["model"]),
    ("journal", &["disk"]),
    // Engines: they never see each other.
    ("exposition", &["model"]),
    ("promql", &["model", "matcher"]),
    ("logql", &["model", "matcher"]),
    ("tsdb", &["model", "matcher", "codec", "disk"]),
    ("logdb", &["model", "matcher", "codec", "disk"]),
    ("alert", &["model"]),
    ("spool", &["model", "disk", "journal"]),
    ("proto", &["model", "codec"]),
    // Edges: process, wire, HTTP.
    ("runtime", &["stdx"]),
    ("link", &["proto", "model", "stdx"]),
    (
        "api",
        &["model", "stdx", "matcher", "exposition", "promql", "logql"],
    ),
    // Roles: they meet only through proto and link.
    (
        "agent",
        &["model", "stdx", "disk", "spool", "proto", "link", "runtime"],
    ),
    (
        "collector",
        &["model", "stdx", "disk", "spool", "proto", "link", "runtime"],
    ),
    (
        "aggregator",
        &[
            "model",
            "stdx",
            "codec",
            "disk",
            "matcher",
            "journal",
            "exposition",
            "promql",
            "logql",
            "tsdb",
            "logdb",
            "alert",
            "proto",
            "link",
            "api",
            "runtime",
        ],
    ),
    // The binary.
    (
        "weft",
        &[
            "model",
            "stdx",
            "disk",
            "tsdb",
            "promql",
            "promqltest",
            "alert",
            "link",
            "runtime",
            "agent",
            "collector",
            "aggregator",
        ],
    ),
    // Tools of the developers.
    ("promqltest", &["model", "matcher", "promql"]),
    (
        "xtask",
        &[
            "model",
            "disk",
            "tsdb",
            "promql",
            "promqltest",
            "aggregator",
        ],
    ),
];

/// What the agent must never link, at any depth: storage, query languages, their servers.
const NEVER_IN_AGENT: &[&str] = &[
    "weft-tsdb",
    "weft-logdb",
    "weft-promql",
    "weft-logql",
    "weft-api",
    "tantivy",
    "axum",
];

/// Crates that only the named ones of ours may use directly.
const RESERVED: &[(&str, &[&str])] = &[
    ("serde_json", &["weft-api", "weft", "weft-xtask"]),
    ("serde-saphyr", &["weft"]),
    (
        "prost",
        &[
            "weft-collector",
            "weft-proto",
            "weft-link",
            "weft-exposition",
            "weft-aggregator",
        ],
    ),
    ("sled", &["weft-spool"]),
    ("tantivy", &["weft-logdb"]),
    ("axum", &["weft-api"]),
    ("clap", &["weft"]),
    ("anyhow", &["weft", "weft-xtask", "weft-promqltest"]),
];

/// Compares the workspace with the table.
pub(crate) fn check() -> Result<()> {
    let metadata = metadata()?;
    let faults: Vec<String> = faults_of(&metadata)?;
    if faults.is_empty() {
        return Ok(());
    }
    bail!(
        "the edges of the workspace are not those of crates/xtask/src/edges.rs:\n  {}",
        faults.join("\n  ")
    )
}

fn metadata() -> Result<Value> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--offline",
            "--manifest-path",
        ])
        .arg(manifest)
        .output()
        .context("run cargo metadata")?;
    if !output.status.success() {
        bail!(
            "cargo metadata failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    serde_json::from_slice(&output.stdout).context("read cargo metadata")
}

fn faults_of(metadata: &Value) -> Result<Vec<String>> {
    let used = direct_edges(metadata)?;
    let mut faults = Vec::new();
    for (name, uses) in &used {
        let Some((_, allowed)) = EDGES.iter().find(|(known, _)| package(known) == *name) else {
            faults.push(format!("{name} is not in the table"));
            continue;
        };
        for other in uses.iter().filter(|other| used.contains_key(*other)) {
            if !allowed.iter().any(|known| package(known) == *other) {
                faults.push(format!("{name} -> {other} is not allowed"));
            }
        }
        for (outside, users) in RESERVED {
            if uses.contains(*outside) && !users.contains(&name.as_str()) {
                faults.push(format!(
                    "{name} -> {outside} is reserved for {}",
                    users.join(", ")
                ));
            }
        }
    }
    for forbidden in reach(metadata, "weft-agent")? {
        if NEVER_IN_AGENT.contains(&forbidden.as_str()) {
            faults.push(format!("weft-agent links {forbidden}"));
        }
    }
    Ok(faults)
}

fn package(folder: &str) -> String {
    if folder == "weft" {
        folder.to_owned()
    } else {
        format!("weft-{folder}")
    }
}

/// Returns every package of the workspace with all it names among its normal dependencies.
fn direct_edges(metadata: &Value) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let members = metadata["workspace_members"]
        .as_array()
        .context("no workspace members")?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    let mut edges = BTreeMap::new();
    for package in packages
        .iter()
        .filter(|package| members.contains(&package["id"]))
    {
        let name = package["name"]
            .as_str()
            .context("a package without a name")?;
        let dependencies = package["dependencies"]
            .as_array()
            .context("no dependencies")?;
        let normal = dependencies
            .iter()
            .filter(|dependency| dependency["kind"].is_null());
        let names = normal.filter_map(|dependency| dependency["name"].as_str());
        edges.insert(name.to_owned(), names.map(str::to_owned).collect());
    }
    Ok(edges)
}

/// Returns the names of all packages that one package links, at any depth.
fn reach(metadata: &Value, from: &str) -> Result<BTreeSet<String>> {
    let nodes = metadata["resolve"]["nodes"]
        .as_array()
        .context("no resolved graph")?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    let name_of = |id: &Value| {
        let found = packages.iter().find(|package| package["id"] == *id);
        found
            .and_then(|package| package["name"].as_str())
            .unwrap_or_default()
            .to_owned()
    };
    let start = nodes
        .iter()
        .map(|node| &node["id"])
        .find(|id| name_of(id) == from);
    let mut pending = vec![start.context("the package is not in the graph")?];
    let mut seen = BTreeSet::new();
    let mut names = BTreeSet::new();
    while let Some(id) = pending.pop() {
        if !seen.insert(id.to_string()) {
            continue;
        }
        names.insert(name_of(id));
        let node = nodes
            .iter()
            .find(|node| node["id"] == *id)
            .context("a node without its id")?;
        for dependency in node["deps"].as_array().into_iter().flatten() {
            let kinds = dependency["dep_kinds"].as_array();
            if kinds.is_none_or(|kinds| kinds.iter().any(|kind| kind["kind"].is_null())) {
                pending.push(&dependency["pkg"]);
            }
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_workspace_has_only_the_edges_of_the_table() {
        super::check().unwrap();
    }
}
