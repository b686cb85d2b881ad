//! The routes that operate the process: `/-/healthy`, `/-/ready`, `/-/reload`, `/-/flush`, and
//! `/metrics`.

use crate::Error;

/// What the routes act on. The methods block; each call comes on a thread of its own.
pub trait Backend: Send + Sync + 'static {
    /// Tells whether requests are answered; the error says what is not up yet.
    fn ready(&self) -> Result<(), Error>;

    /// Reads the configuration anew.
    fn reload(&self) -> Result<(), Error>;

    /// Makes everything that was taken durable and searchable.
    fn flush(&self) -> Result<(), Error>;

    /// Returns the process's own metrics in the text format of OpenMetrics.
    fn metrics(&self) -> String;
}
