//! What a process needs to prove who it is: its key, its certificates, and whom it trusts.
//!
//! In: what an authority signed, or a state directory. Out: DER for TLS, and when to renew.
//! Bound: one PEM file of mode 0600 holds all of it, so that a crash never leaves a key without
//! its certificate.

use std::path::{Path, PathBuf};

use pem::Pem;
use rcgen::KeyPair;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use weft_model::Millis;
use weft_proto::v1::Enrolled;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::peer::{Leaf, PeerId, PeerIdError};
use super::secret_file;
use super::token::SpkiHash;

const FILE: &str = "identity.pem";
const TAG_KEY: &str = "PRIVATE KEY";
const TAG_CERTIFICATE: &str = "CERTIFICATE";

/// After this share of its lifetime a certificate is renewed, in percent.
const RENEW_PERCENT: i64 = 70;

/// A key pair with the certificates that vouch for it, and the roots to trust.
#[derive(Clone)]
pub struct Identity {
    leaf: Leaf,
    /// PKCS#8, DER.
    key: Vec<u8>,
    /// The leaf, then the intermediates.
    chain: Vec<CertificateDer<'static>>,
    roots: Vec<CertificateDer<'static>>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity")
            .field("peer", &self.leaf.peer)
            .field("not_after", &self.leaf.not_after)
            .finish_non_exhaustive()
    }
}

impl Identity {
    /// Puts an identity together and checks that its parts belong together.
    pub(crate) fn new(
        key: Vec<u8>,
        chain: Vec<CertificateDer<'static>>,
        roots: Vec<CertificateDer<'static>>,
    ) -> Result<Identity, IdentityError> {
        let first = chain.first().ok_or(IdentityError::Incomplete)?;
        let leaf = Leaf::read(first).map_err(IdentityError::Leaf)?;
        if roots.is_empty() {
            return Err(IdentityError::Incomplete);
        }
        let pair = read_key(&key)?;
        if rcgen::PublicKeyData::subject_public_key_info(&pair) != leaf.spki {
            return Err(IdentityError::KeyMismatch);
        }
        Ok(Identity {
            leaf,
            key,
            chain,
            roots,
        })
    }

    /// Reads the identity kept in `dir`; `None` if there is none yet.
    ///
    /// # Errors
    /// Fails when the file cannot be read or its parts do not belong together.
    pub fn load(dir: &Path) -> Result<Option<Identity>, IdentityError> {
        let path = dir.join(FILE);
        match secret_file::read(&path) {
            Ok(Some(bytes)) => Identity::from_pem(&bytes).map(Some),
            Ok(None) => Ok(None),
            Err(source) => Err(IdentityError::Read { path, source }),
        }
    }

    /// Keeps the identity in `dir`, in place of the one that is there.
    ///
    /// # Errors
    /// Fails when the file cannot be written; the one that was there is kept then.
    pub fn save(&self, dir: &Path) -> Result<(), IdentityError> {
        let path = dir.join(FILE);
        secret_file::create_dir(dir)
            .and_then(|()| secret_file::write(&path, self.to_pem().as_bytes()))
            .map_err(|source| IdentityError::Write { path, source })
    }

    /// Returns whom it names.
    pub fn peer(&self) -> &PeerId {
        &self.leaf.peer
    }

    /// Returns when the certificate expires.
    pub fn expires_at(&self) -> Millis {
        self.leaf.not_after
    }

    /// Returns when the certificate is to be renewed: at 70 % of its lifetime.
    pub fn renew_at(&self) -> Millis {
        let lifetime = self.leaf.not_after.0 - self.leaf.not_before.0;
        self.leaf.not_before.plus(lifetime / 100 * RENEW_PERCENT)
    }

    /// Tells whether the certificate is to be renewed.
    pub fn renew_due(&self, now: Millis) -> bool {
        now >= self.renew_at()
    }

    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.clone()))
    }

    pub(crate) fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    pub(crate) fn roots(&self) -> &[CertificateDer<'static>] {
        &self.roots
    }

    fn to_pem(&self) -> String {
        let certificates = self.chain.iter().chain(&self.roots);
        let mut parts = vec![Pem::new(TAG_KEY, self.key.clone())];
        parts.extend(certificates.map(|der| Pem::new(TAG_CERTIFICATE, der.to_vec())));
        let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
        pem::encode_many_config(&parts, config)
    }

    /// Reads the key, the chain and the roots; the certificates that sign themselves are the
    /// roots.
    fn from_pem(bytes: &[u8]) -> Result<Identity, IdentityError> {
        let parts = pem::parse_many(bytes).map_err(|_| IdentityError::Incomplete)?;
        let mut key = None;
        let mut chain = Vec::new();
        let mut roots = Vec::new();
        for part in parts {
            match part.tag() {
                TAG_KEY => key = Some(part.into_contents()),
                TAG_CERTIFICATE => {
                    let der = CertificateDer::from(part.into_contents());
                    let signs_itself = is_self_signed(&der)?;
                    if signs_itself { &mut roots } else { &mut chain }.push(der);
                }
                _ => return Err(IdentityError::Incomplete),
            }
        }
        Identity::new(key.ok_or(IdentityError::Incomplete)?, chain, roots)
    }
}

/// A new key for which a certificate is asked.
pub(crate) struct KeyRequest {
    pair: KeyPair,
}

impl KeyRequest {
    /// Makes an ECDSA P-256 key.
    pub(crate) fn generate() -> Result<KeyRequest, IdentityError> {
        let pair = KeyPair::generate().map_err(IdentityError::Key)?;
        Ok(KeyRequest { pair })
    }

    /// Returns the request for a certificate, PKCS#10 in DER.
    pub(crate) fn csr(&self) -> Result<Vec<u8>, IdentityError> {
        let request = rcgen::CertificateParams::default()
            .serialize_request(&self.pair)
            .map_err(IdentityError::Key)?;
        Ok(request.der().to_vec())
    }

    /// Joins the key with what the authority answered.
    pub(crate) fn complete(self, enrolled: Enrolled) -> Result<Identity, IdentityError> {
        let certificates = |ders: Vec<Vec<u8>>| ders.into_iter().map(CertificateDer::from);
        Identity::new(
            self.pair.serialize_der(),
            certificates(enrolled.chain).collect(),
            certificates(enrolled.roots).collect(),
        )
    }
}

/// Returns the hash of a certificate's public key.
pub(crate) fn spki_hash(certificate: &[u8]) -> Option<SpkiHash> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    Some(hash_of(certificate.public_key().raw))
}

/// Returns the SHA-256 of some bytes.
pub(crate) fn hash_of(bytes: &[u8]) -> SpkiHash {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.as_ref());
    SpkiHash(hash)
}

fn is_self_signed(der: &[u8]) -> Result<bool, IdentityError> {
    let (_, certificate) = X509Certificate::from_der(der).map_err(|_| IdentityError::Incomplete)?;
    Ok(certificate.subject().as_raw() == certificate.issuer().as_raw())
}

pub(crate) fn read_key(pkcs8: &[u8]) -> Result<KeyPair, IdentityError> {
    let der = PrivatePkcs8KeyDer::from(pkcs8);
    KeyPair::from_pkcs8_der_and_sign_algo(&der, &rcgen::PKCS_ECDSA_P256_SHA256)
        .map_err(IdentityError::Key)
}

/// Why there is no usable identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file cannot be read.
    #[error("read identity {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file cannot be written.
    #[error("write identity {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The key, the certificate or the roots are missing or damaged.
    #[error("read identity: key, certificate or roots are missing or damaged")]
    Incomplete,
    /// The certificate names no peer.
    #[error("read identity")]
    Leaf(#[source] PeerIdError),
    /// The key cannot be made or read.
    #[error("read identity: the key is of no use")]
    Key(#[source] rcgen::Error),
    /// The certificate is for another key.
    #[error("read identity: the certificate is for another key")]
    KeyMismatch,
}
