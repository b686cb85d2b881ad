//! The process's own log: to stderr, as text for people or as JSON lines for machines.

use std::io::IsTerminal;
use std::sync::Arc;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// `key=value` pairs on one line, for log tools.
    Logfmt,
}

/// Changes what is logged while the process runs.
#[derive(Clone)]
pub struct LogFilter(Arc<dyn Fn(EnvFilter) + Send + Sync>);

impl LogFilter {
    /// Logs by another filter from now on; fails when it is none.
    pub fn set(&self, filter: &str) -> Result<(), String> {
        (self.0)(parse(filter)?);
        Ok(())
    }
}

impl std::fmt::Debug for LogFilter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogFilter").finish_non_exhaustive()
    }
}

/// Starts logging; `filter` is a level or a list such as `info,weft_link=debug`.
///
/// Fails when the filter is none; a second call leaves the first logger in place.
pub fn start(filter: &str, format: Format) -> Result<LogFilter, String> {
    let filter = parse(filter)?;
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A logger that is set already stays: tests start several processes' worth in one.
    Ok(match format {
        Format::Text => {
            let is_terminal = std::io::stderr().is_terminal();
            let builder = builder.with_ansi(is_terminal).with_target(false).compact();
            let builder = builder.with_filter_reloading();
            let handle = builder.reload_handle();
            let _ = builder.try_init();
            LogFilter(Arc::new(move |filter| drop(handle.reload(filter))))
        }
        Format::Logfmt => {
            let builder = builder.with_ansi(false).with_filter_reloading();
            let handle = builder.reload_handle();
            let _ = builder.try_init();
            LogFilter(Arc::new(move |filter| drop(handle.reload(filter))))
        }
    })
}

fn parse(filter: &str) -> Result<EnvFilter, String> {
    EnvFilter::try_new(filter).map_err(|error| error.to_string())
}
