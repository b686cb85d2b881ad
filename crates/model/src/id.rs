//! Who speaks, in which session, about what.

use std::fmt;

/// The name of a peer, taken from its certificate.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AgentId(pub String);

/// A random number that is made with a sequence of batches and kept with it: a sequence number
/// means something only together with its session.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u128);

/// The kind of data in a stream; each has sequence numbers of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StreamKind {
    /// Samples and their series dictionaries.
    Metrics,
    /// Log lines.
    Logs,
    /// What happened: gaps, lifecycle, findings.
    Events,
}

impl StreamKind {
    /// All kinds, in order of their priority on the wire.
    pub const ALL: [StreamKind; 3] = [StreamKind::Metrics, StreamKind::Logs, StreamKind::Events];

    /// Returns the word used in logs, metrics and file names.
    pub fn as_str(self) -> &'static str {
        match self {
            StreamKind::Metrics => "metrics",
            StreamKind::Logs => "logs",
            StreamKind::Events => "events",
        }
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for StreamKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
