//! Checks the certificate of the side that accepts.
//!
//! In: the chain it showed. Out: accepted, or why not.
//! Bound: a chain of at most 8 certificates.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, PeerIncompatible, RootCertStore,
    SignatureScheme,
};

use crate::identity::{Leaf, SpkiHash, spki_hash};

const CHAIN_MAX: usize = 8;

/// Accepts collectors and aggregators of one authority.
#[derive(Debug)]
pub(crate) struct PeerVerifier {
    trust: Trust,
    provider: Arc<CryptoProvider>,
}

#[derive(Debug)]
enum Trust {
    Roots(RootCertStore),
    /// The root is in the chain and has this key.
    Pin(SpkiHash),
}

impl PeerVerifier {
    pub(crate) fn with_roots(roots: RootCertStore, provider: Arc<CryptoProvider>) -> PeerVerifier {
        let trust = Trust::Roots(roots);
        PeerVerifier { trust, provider }
    }

    pub(crate) fn with_pin(pin: SpkiHash, provider: Arc<CryptoProvider>) -> PeerVerifier {
        let trust = Trust::Pin(pin);
        PeerVerifier { trust, provider }
    }

    fn verify_chain(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let leaf = ParsedCertificate::try_from(leaf)?;
        let verify = |roots: &RootCertStore| {
            let algorithms = self.provider.signature_verification_algorithms.all;
            verify_server_cert_signed_by_trust_anchor(&leaf, roots, rest, now, algorithms)
        };
        match &self.trust {
            Trust::Roots(roots) => verify(roots),
            Trust::Pin(pin) => verify(&pinned_root(*pin, rest)?),
        }
    }
}

impl ServerCertVerifier for PeerVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if rest.len() > CHAIN_MAX {
            return Err(CertificateError::UnknownIssuer.into());
        }
        self.verify_chain(leaf, rest, now)?;
        let named = Leaf::read(leaf).map_err(|_| CertificateError::BadEncoding)?;
        if !named.peer.role().serves() {
            return Err(CertificateError::InvalidPurpose.into());
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::Tls13RequiredForQuic.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

fn pinned_root(pin: SpkiHash, chain: &[CertificateDer<'_>]) -> Result<RootCertStore, Error> {
    let root = chain
        .iter()
        .find(|certificate| spki_hash(certificate) == Some(pin))
        .ok_or(CertificateError::UnknownIssuer)?;
    let mut roots = RootCertStore::empty();
    roots.add(root.clone().into_owned())?;
    Ok(roots)
}
