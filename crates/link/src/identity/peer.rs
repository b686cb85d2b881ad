//! The name of a peer, as its certificate says it.
//!
//! In: a verified leaf certificate. Out: role, id and validity.
//! Bound: an id has 1 to 253 letters, digits, dots, dashes and underscores; a certificate names
//! exactly one peer.

use std::fmt;
use std::str::FromStr;

use weft_model::{AgentId, Millis};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// The trust domain of all identities.
pub(crate) const TRUST_DOMAIN: &str = "weft.local";

const ID_BYTES_MAX: usize = 253;

/// What a peer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Watches one node.
    Agent,
    /// Gathers one region.
    Collector,
    /// Keeps everything.
    Aggregator,
}

impl Role {
    /// Returns the word used in certificates and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Agent => "agent",
            Role::Collector => "collector",
            Role::Aggregator => "aggregator",
        }
    }

    /// Tells whether peers of this role accept connections.
    pub fn serves(self) -> bool {
        matches!(self, Role::Collector | Role::Aggregator)
    }
}

impl FromStr for Role {
    type Err = PeerIdError;

    fn from_str(text: &str) -> Result<Role, PeerIdError> {
        match text {
            "agent" => Ok(Role::Agent),
            "collector" => Ok(Role::Collector),
            "aggregator" => Ok(Role::Aggregator),
            _ => Err(PeerIdError::Role(text.to_owned())),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name of a peer: its role and an id that is unique within the role.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId {
    role: Role,
    id: AgentId,
}

impl PeerId {
    /// Returns the name of a peer.
    ///
    /// # Errors
    /// Fails for an id that is empty, too long or has characters that do not fit into a URI path
    /// and a host name.
    pub fn new(role: Role, id: &str) -> Result<PeerId, PeerIdError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let starts = id.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !starts || id.len() > ID_BYTES_MAX || !id.chars().all(fits) {
            return Err(PeerIdError::Id(id.chars().take(ID_BYTES_MAX).collect()));
        }
        let id = AgentId(id.to_owned());
        Ok(PeerId { role, id })
    }

    /// Returns what the peer is.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Returns its id.
    pub fn id(&self) -> &AgentId {
        &self.id
    }

    /// Returns the URI in its certificate.
    pub fn uri(&self) -> String {
        format!("spiffe://{TRUST_DOMAIN}/{}/{}", self.role, self.id)
    }

    fn from_uri(uri: &str) -> Result<PeerId, PeerIdError> {
        let path = uri
            .strip_prefix("spiffe://")
            .and_then(|rest| rest.strip_prefix(TRUST_DOMAIN))
            .and_then(|rest| rest.strip_prefix('/'))
            .ok_or(PeerIdError::NoName)?;
        let (role, id) = path.split_once('/').ok_or(PeerIdError::NoName)?;
        PeerId::new(role.parse()?, id)
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.role, self.id)
    }
}

/// What a leaf certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    pub(crate) peer: PeerId,
    pub(crate) not_before: Millis,
    pub(crate) not_after: Millis,
    /// The public key, as SubjectPublicKeyInfo in DER.
    pub(crate) spki: Vec<u8>,
}

impl Leaf {
    /// Reads a certificate; does not verify it.
    pub(crate) fn read(der: &[u8]) -> Result<Leaf, PeerIdError> {
        let (_, certificate) =
            X509Certificate::from_der(der).map_err(|_| PeerIdError::NotACertificate)?;
        let names = certificate
            .subject_alternative_name()
            .map_err(|_| PeerIdError::NotACertificate)?
            .ok_or(PeerIdError::NoName)?;
        let mut uris = names
            .value
            .general_names
            .iter()
            .filter_map(|name| match name {
                GeneralName::URI(uri) => Some(*uri),
                _ => None,
            });
        let (Some(uri), None) = (uris.next(), uris.next()) else {
            return Err(PeerIdError::NoName);
        };
        let validity = certificate.validity();
        Ok(Leaf {
            peer: PeerId::from_uri(uri)?,
            not_before: Millis(validity.not_before.timestamp().saturating_mul(1000)),
            not_after: Millis(validity.not_after.timestamp().saturating_mul(1000)),
            spki: certificate.public_key().raw.to_vec(),
        })
    }
}

/// Why a certificate or a text names no peer.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerIdError {
    /// The bytes are no X.509 certificate.
    #[error("read peer: not a certificate")]
    NotACertificate,
    /// There is not exactly one SPIFFE URI of our trust domain.
    #[error("read peer: the certificate does not name exactly one peer of {TRUST_DOMAIN}")]
    NoName,
    /// There is no such role.
    #[error("read peer: no such role: {0:?}")]
    Role(String),
    /// The id has other characters or another length.
    #[error("read peer: an id has 1 to 253 letters, digits, '.', '-' and '_': {0:?}")]
    Id(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_the_same_after_its_uri() {
        for (role, id) in [
            (Role::Agent, "node-1.example.org"),
            (Role::Collector, "c_1"),
            (Role::Aggregator, "A"),
        ] {
            let peer = PeerId::new(role, id).unwrap();
            assert_eq!(PeerId::from_uri(&peer.uri()), Ok(peer));
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for uri in [
            "",
            "spiffe://weft.local",
            "spiffe://weft.local/agent",
            "spiffe://weft.local/agent/",
            "spiffe://weft.local/agent/a/b",
            "spiffe://weft.local/agent/..",
            "spiffe://weft.local/root/x",
            "spiffe://weft.local.evil/agent/x",
            "spiffe://other/agent/x",
            "https://weft.local/agent/x",
            "spiffe://weft.local/agent/a b",
        ] {
            assert!(PeerId::from_uri(uri).is_err(), "{uri}");
        }
        assert!(PeerId::new(Role::Agent, &"x".repeat(254)).is_err());
    }
}
