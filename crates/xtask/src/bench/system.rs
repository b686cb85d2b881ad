//! The servers that are compared, and how they are filled.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::peers::server::{self, Server};

/// One of the servers.
#[derive(Clone, Copy)]
pub(super) enum System {
    Prometheus,
    Victoria,
    Weft,
}

impl System {
    pub(super) fn named(name: &str) -> Option<System> {
        [System::Prometheus, System::Victoria, System::Weft]
            .into_iter()
            .find(|system| system.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            System::Prometheus => "prometheus",
            System::Victoria => "victoria",
            System::Weft => "weft",
        }
    }

    /// Returns its binary; nothing if it cannot be had, which is said.
    pub(super) fn binary(self) -> Result<Option<PathBuf>> {
        match self {
            System::Prometheus => server::peer("prometheus"),
            System::Victoria => server::peer("victoria-metrics"),
            System::Weft => server::weft().map(Some),
        }
    }

    /// Starts it with its default settings.
    pub(super) fn start(self, binary: &Path, scratch: &Path) -> Result<Server> {
        match self {
            System::Prometheus => server::start_prometheus(binary, scratch),
            System::Victoria => server::start_victoria(binary, scratch),
            System::Weft => server::start_weft(binary, scratch),
        }
    }
}

/// Writes node exporters' series to a server.
pub(super) fn fill(server: &Server, series: usize, rounds: usize, start_ms: i64) -> Result<()> {
    let loadgen = env::var("LOADGEN_BIN").context("LOADGEN_BIN names no load generator")?;
    let output = Command::new(&loadgen)
        .arg("metrics")
        .arg(format!(
            "--url=http://127.0.0.1:{}/api/v1/write",
            server.port
        ))
        .arg(format!("--series={series}"))
        .arg(format!("--rounds={rounds}"))
        .arg("--step-ms=15000")
        .arg(format!("--start-ms={start_ms}"))
        .output()
        .with_context(|| format!("run {loadgen}"))?;
    if !output.status.success() {
        bail!(
            "the load generator failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}
