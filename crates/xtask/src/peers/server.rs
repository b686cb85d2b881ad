//! Servers that are started for a comparison and stopped after it.
//!
//! In: binaries. Out: ports that answer. Bound: [`READY_TIME_MAX`] until a server is ready; it is
//! killed when its value goes, and its scratch directory is removed.

use std::env;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::http::Client;

/// How long a server may take to be ready.
const READY_TIME_MAX: Duration = Duration::from_secs(120);

/// Time between two questions whether it is.
const READY_PAUSE: Duration = Duration::from_millis(20);

/// What /proc counts CPU time in, on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// The script that gets the peers' binaries, beside the checkout.
const PEERS_SCRIPT: &str = "../shared/bench/peers.sh";

/// The programs that are compared.
pub(crate) struct Binaries {
    pub(crate) prometheus: PathBuf,
    pub(crate) weft: PathBuf,
}

/// Returns a peer's binary: from `PEERS_BIN`, else from what the script fetches. Says so when there
/// is none, which is no failure: not every machine can have it.
#[allow(clippy::print_stdout, reason = "a command line tool")]
pub(crate) fn peer(name: &str) -> Result<Option<PathBuf>> {
    let folder = match env::var_os("PEERS_BIN") {
        Some(folder) => PathBuf::from(folder),
        None => match fetch() {
            Ok(folder) => folder,
            Err(error) => {
                println!("SKIPPED: {name} cannot be had: {error:#}");
                return Ok(None);
            }
        },
    };
    let binary = folder.join(name);
    if !binary.is_file() {
        bail!("{} is not there", binary.display());
    }
    Ok(Some(binary))
}

fn fetch() -> Result<PathBuf> {
    let script = root().join(PEERS_SCRIPT);
    let output = Command::new(&script)
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("run {}", script.display()))?;
    let text = String::from_utf8(output.stdout).context("read the script's output")?;
    let folder = text.lines().last().context("the script names no folder")?;
    Ok(PathBuf::from(folder))
}

/// Returns the binary of weft: `WEFT_BIN`, else that of the present build, which is brought up to
/// date.
pub(crate) fn weft() -> Result<PathBuf> {
    if let Some(binary) = env::var_os("WEFT_BIN") {
        return Ok(PathBuf::from(binary));
    }
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--package", "weft", "--bin", "weft"])
        .current_dir(root())
        .status()
        .context("run cargo build")?;
    if !built.success() {
        bail!("weft does not build");
    }
    let own = env::current_exe().context("find the own binary")?;
    Ok(own.with_file_name("weft"))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A directory that is removed with the value.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Result<Scratch> {
        let path = env::temp_dir().join(format!("weft-peers-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).with_context(|| format!("make {}", path.display()))?;
        Ok(Scratch(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is below the system's temporary directory anyway.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A running server.
pub(crate) struct Server {
    pub(crate) port: u16,
    child: Child,
    log: PathBuf,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts Prometheus with all that it can do, so that as much as possible is compared.
pub(crate) fn start_prometheus(binary: &Path, scratch: &Path) -> Result<Server> {
    let config = scratch.join("prometheus.yml");
    fs::write(&config, "global: {scrape_interval: 15s}\n")?;
    let port = free_port()?;
    let mut command = Command::new(binary);
    command
        .arg(format!("--config.file={}", config.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            scratch.join("prometheus").display()
        ))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .args([
            "--web.enable-remote-write-receiver",
            "--web.enable-admin-api",
            "--enable-feature=native-histograms,promql-experimental-functions,promql-duration-expr",
            "--log.level=warn",
        ]);
    Server::start("prometheus", command, port, scratch)
}

/// Starts VictoriaMetrics.
pub(crate) fn start_victoria(binary: &Path, scratch: &Path) -> Result<Server> {
    let port = free_port()?;
    let mut command = Command::new(binary);
    command
        .arg(format!("-httpListenAddr=127.0.0.1:{port}"))
        .arg(format!(
            "-storageDataPath={}",
            scratch.join("victoria").display()
        ))
        .args(["-retentionPeriod=1y", "-loggerLevel=WARN"]);
    Server::start("victoria", command, port, scratch)
}

/// Starts weft's aggregator. It keeps samples of any age: the data have fixed times.
pub(crate) fn start_weft(binary: &Path, scratch: &Path) -> Result<Server> {
    let port = free_port()?;
    let mut command = Command::new(binary);
    command
        .arg("aggregator")
        .args(["--data".as_ref(), scratch.join("weft").as_os_str()])
        .args(["--http", &format!("127.0.0.1:{port}")])
        .args(["--ingest", &format!("127.0.0.1:{}", free_port()?)])
        .args(["--admin", &format!("127.0.0.1:{}", free_port()?)])
        .env("WEFT_AGGREGATOR_METRICS_RETENTION", "3650d")
        .env("WEFT_AGGREGATOR_ADMIN_API", "true");
    Server::start("weft", command, port, scratch)
}

impl Server {
    fn start(name: &str, mut command: Command, port: u16, scratch: &Path) -> Result<Server> {
        let log = scratch.join(format!("{name}.log"));
        let out = File::create(&log).with_context(|| format!("make {}", log.display()))?;
        command.current_dir(scratch).stdin(Stdio::null());
        command.stdout(out.try_clone()?).stderr(out);
        let child = command.spawn().with_context(|| format!("start {name}"))?;
        let mut server = Server { port, child, log };
        server
            .wait_until_ready()
            .with_context(|| format!("wait for {name}"))?;
        Ok(server)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + READY_TIME_MAX;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                let log = fs::read_to_string(&self.log).unwrap_or_default();
                bail!("it ended with {status}; its log: {log}");
            }
            // VictoriaMetrics knows one of the paths, the others the other one.
            let is_there = |path| {
                let answer = Client::new(self.port).get(path);
                answer.is_ok_and(|answer| answer.status == 200)
            };
            if is_there("/-/ready") || is_there("/health") {
                return Ok(());
            }
            thread::sleep(READY_PAUSE);
        }
        bail!("it was not ready within {} s", READY_TIME_MAX.as_secs())
    }

    /// Returns the time that the process has spent on a CPU.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        let path = format!("/proc/{}/stat", self.child.id());
        let text = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
        // The fields after the name, which may hold spaces: user and system time, in ticks.
        let fields = text.rsplit(')').next().unwrap_or_default();
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks: f64 = ticks.filter_map(|field| field.parse::<f64>().ok()).sum();
        Ok(ticks / TICKS_PER_SECOND)
    }

    /// Returns the resident memory of the process.
    pub(crate) fn rss_mb(&self) -> Result<f64> {
        let path = format!("/proc/{}/status", self.child.id());
        let text = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
        let line = text.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1));
        Ok(kib.and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0) * 1.024e-3)
    }
}

/// Returns a port of this machine that nobody uses at the moment.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
