//! TLS for both transports: 1.3 only, certificates of our own authority only, no resumption.
//!
//! In: an identity, or the pin of a join token; a clock. Out: rustls configurations.
//! Bound: a peer's certificate is checked against the roots, its validity and its role; names of
//! hosts play no part.

mod verifier;

use std::sync::Arc;
use std::time::Duration;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use weft_model::Millis;
use weft_stdx::Clock;

use crate::identity::{Identity, Leaf, PeerId, Role, SpkiHash};
use verifier::PeerVerifier;

/// The protocol spoken over QUIC.
pub(crate) const ALPN_QUIC: &[u8] = b"weft/1";

/// The protocol spoken over TLS on TCP.
pub(crate) const ALPN_GRPC: &[u8] = b"h2";

/// Whom a dialling side trusts, and what it shows.
#[derive(Clone, Debug)]
pub(crate) enum Credentials {
    /// It has an identity: it shows that and trusts its roots.
    Identity(Identity),
    /// It has none yet: it shows nothing and trusts the root with this key.
    Pinned(SpkiHash),
}

/// A peer as its verified certificate names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VerifiedPeer {
    pub(crate) peer: PeerId,
    pub(crate) expires_at: Millis,
}

/// Reads the names in a certificate chain that the handshake has verified; `None` when the peer
/// showed no certificate.
pub(crate) fn verified_peer(
    chain: Option<&[CertificateDer<'_>]>,
) -> Result<Option<VerifiedPeer>, TlsError> {
    let Some(leaf) = chain.and_then(<[_]>::first) else {
        return Ok(None);
    };
    let leaf = Leaf::read(leaf).map_err(|_| TlsError::Name)?;
    Ok(Some(VerifiedPeer {
        peer: leaf.peer,
        expires_at: leaf.not_after,
    }))
}

/// Returns the configuration of an accepting side.
pub(crate) fn server_config(
    identity: &Identity,
    clock: &Clock,
    alpn: &[u8],
) -> Result<ServerConfig, TlsError> {
    if !identity.peer().role().serves() {
        return Err(TlsError::Role(identity.peer().role()));
    }
    let clients = WebPkiClientVerifier::builder_with_provider(
        Arc::new(root_store(identity.roots())?),
        provider(),
    )
    .allow_unauthenticated()
    .build()
    .map_err(|_| TlsError::Roots)?;
    let mut config = ServerConfig::builder_with_details(provider(), time(clock))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(TlsError::Config)?
        .with_client_cert_verifier(clients)
        .with_single_cert(chain_with_roots(identity), identity.key())
        .map_err(TlsError::Config)?;
    config.alpn_protocols = vec![alpn.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// Returns the configuration of a dialling side.
pub(crate) fn client_config(
    credentials: &Credentials,
    clock: &Clock,
    alpn: &[u8],
) -> Result<ClientConfig, TlsError> {
    let verifier = match credentials {
        Credentials::Identity(identity) => {
            PeerVerifier::with_roots(root_store(identity.roots())?, provider())
        }
        Credentials::Pinned(pin) => PeerVerifier::with_pin(*pin, provider()),
    };
    let config = ClientConfig::builder_with_details(provider(), time(clock))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(TlsError::Config)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match credentials {
        Credentials::Identity(identity) => config
            .with_client_auth_cert(identity.chain().to_vec(), identity.key())
            .map_err(TlsError::Config)?,
        Credentials::Pinned(_) => config.with_no_client_auth(),
    };
    config.alpn_protocols = vec![alpn.to_vec()];
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Returns what checks the servers for a peer with `identity`.
#[cfg(test)]
pub(crate) fn verifier_for_tests(identity: &Identity) -> PeerVerifier {
    let roots = root_store(identity.roots()).expect("the roots are certificates");
    PeerVerifier::with_roots(roots, provider())
}

/// The root goes along, so that a peer with nothing but a pin can check it.
fn chain_with_roots(identity: &Identity) -> Vec<CertificateDer<'static>> {
    let parts = identity.chain().iter().chain(identity.roots());
    parts.cloned().collect()
}

fn root_store(roots: &[CertificateDer<'static>]) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(root.clone()).map_err(|_| TlsError::Roots)?;
    }
    Ok(store)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn time(clock: &Clock) -> Arc<dyn TimeProvider> {
    Arc::new(ClockTime(clock.clone()))
}

/// The time that certificates are checked against.
#[derive(Debug)]
struct ClockTime(Clock);

impl TimeProvider for ClockTime {
    fn current_time(&self) -> Option<UnixTime> {
        let millis = u64::try_from(self.0.millis()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_millis(millis)))
    }
}

/// Why TLS cannot be set up or a peer's certificate is of no use.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// An agent cannot accept connections.
    #[error("set up TLS: a certificate of role {0} cannot accept connections")]
    Role(Role),
    /// The roots are no certificates.
    #[error("set up TLS: the roots are damaged")]
    Roots,
    /// The key and the certificate cannot be used.
    #[error("set up TLS")]
    Config(#[source] rustls::Error),
    /// The peer's certificate is valid but names no peer of ours.
    #[error("check certificate: it names no peer")]
    Name,
    /// The cryptography that QUIC starts with is missing.
    #[error("set up TLS: the first cipher suite of QUIC is missing")]
    InitialSuite,
}
