//! The process's own log: to stderr, as text for people or as JSON lines for machines.

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

/// Starts logging; `filter` is a level or a list such as `info,weft_link=debug`.
///
/// Fails when the filter is not one; a second call changes nothing.
pub fn start(filter: &str, format: Format) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter).map_err(|error| error.to_string())?;
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A logger that is set already stays: tests start several processes' worth in one.
    let _ = match format {
        Format::Text => builder.with_target(false).compact().try_init(),
        Format::Logfmt => builder.with_ansi(false).try_init(),
    };
    Ok(())
}
