//! The certificate authority: one root key in a directory, and what it signs.
//!
//! In: requests for certificates, from peers that show a join token or a certificate. Out: leaf
//! certificates, or a refusal.
//! Bound: a leaf never outlives the root. All functions block on the disk for a moment; call them
//! where that may be.

use std::path::{Path, PathBuf};
use std::time::Duration;

use pem::Pem;
use rcgen::{CertificateSigningRequestParams, Issuer, KeyPair, PublicKeyData};
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer};
use weft_model::Millis;
use weft_proto::v1::{
    ClientMsg, Enroll, Enrolled, Refused, RefusedReason, Renew, ServerMsg, client_msg, server_msg,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::own::{Identity, IdentityError, KeyRequest, hash_of, read_key, spki_hash};
use super::peer::{PeerId, Role};
use super::secret_file;
use super::signing::{leaf_params, root_params};
use super::token::{JoinToken, SpkiHash, to_hex};
use super::token_store::{TokenGrant, TokenInfo, TokenStore, TokenStoreError};

const FILE: &str = "root.pem";
const TAG_KEY: &str = "PRIVATE KEY";
const TAG_CERTIFICATE: &str = "CERTIFICATE";

/// How long certificates live.
#[derive(Clone, Copy, Debug)]
pub struct AuthorityOptions {
    /// The lifetime of a new root.
    pub root_lifetime: Duration,
    /// The lifetime of each leaf.
    pub leaf_lifetime: Duration,
}

impl Default for AuthorityOptions {
    fn default() -> AuthorityOptions {
        const DAY: Duration = Duration::from_secs(86_400);
        AuthorityOptions {
            root_lifetime: DAY * 3650,
            leaf_lifetime: DAY,
        }
    }
}

/// The root of trust of one installation.
#[derive(Debug)]
pub struct Authority {
    root: CertificateDer<'static>,
    root_not_after: Millis,
    pin: SpkiHash,
    issuer: Issuer<'static, KeyPair>,
    tokens: TokenStore,
    leaf_lifetime: Duration,
}

impl Authority {
    /// Opens the authority kept in `dir`, or makes one when there is none.
    ///
    /// # Errors
    /// Fails when the directory cannot be used or what it holds is damaged; it never replaces a
    /// root.
    pub fn open_or_create(
        dir: &Path,
        options: AuthorityOptions,
        now: Millis,
    ) -> Result<Authority, AuthorityError> {
        let path = dir.join(FILE);
        let io = |source| AuthorityError::Io {
            path: path.clone(),
            source,
        };
        secret_file::create_dir(dir).map_err(io)?;
        let bytes = match secret_file::read(&path).map_err(io)? {
            Some(bytes) => bytes,
            None => {
                let bytes = make_root(options, now)?.into_bytes();
                secret_file::write(&path, &bytes).map_err(io)?;
                bytes
            }
        };
        Authority::from_pem(&bytes, dir, options)
    }

    fn from_pem(
        bytes: &[u8],
        dir: &Path,
        options: AuthorityOptions,
    ) -> Result<Authority, AuthorityError> {
        let parts = pem::parse_many(bytes).map_err(|_| AuthorityError::Damaged)?;
        let [key, root] = &parts[..] else {
            return Err(AuthorityError::Damaged);
        };
        if key.tag() != TAG_KEY || root.tag() != TAG_CERTIFICATE {
            return Err(AuthorityError::Damaged);
        }
        let key = read_key(key.contents()).map_err(AuthorityError::Identity)?;
        let root = CertificateDer::from(root.contents().to_vec());
        let issuer = Issuer::from_ca_cert_der(&root, key).map_err(AuthorityError::Sign)?;
        Ok(Authority {
            pin: spki_hash(&root).ok_or(AuthorityError::Damaged)?,
            root_not_after: not_after(&root).ok_or(AuthorityError::Damaged)?,
            root,
            issuer,
            tokens: TokenStore::new(dir),
            leaf_lifetime: options.leaf_lifetime,
        })
    }

    /// Returns the hash of the root's public key, as join tokens carry it.
    pub fn pin(&self) -> SpkiHash {
        self.pin
    }

    /// Makes a key and a certificate for `peer`, for use in this process. `host_names` are the
    /// DNS names and addresses under which others may know it.
    ///
    /// # Errors
    /// Fails when a host name is none or the root has expired.
    pub fn issue(
        &self,
        peer: &PeerId,
        host_names: &[String],
        now: Millis,
    ) -> Result<Identity, AuthorityError> {
        let request = KeyRequest::generate().map_err(AuthorityError::Identity)?;
        let csr = request.csr().map_err(AuthorityError::Identity)?;
        let enrolled = self.sign(&csr, peer, host_names, now)?;
        request.complete(enrolled).map_err(AuthorityError::Identity)
    }

    /// Makes a join token.
    ///
    /// # Errors
    /// Fails when the token cannot be kept durably.
    pub fn create_token(
        &self,
        grant: TokenGrant,
        now: Millis,
    ) -> Result<JoinToken, TokenStoreError> {
        self.tokens.create(self.pin, grant, now)
    }

    /// Returns the tokens that can still be used.
    ///
    /// # Errors
    /// Fails when they cannot be read.
    pub fn tokens(&self, now: Millis) -> Result<Vec<TokenInfo>, TokenStoreError> {
        self.tokens.list(now)
    }

    /// Forgets the token with this id; tells whether there was one.
    ///
    /// # Errors
    /// Fails when that cannot be made durable.
    pub fn revoke_token(&self, id: &str) -> Result<bool, TokenStoreError> {
        self.tokens.revoke(id)
    }

    /// Answers a message of a control channel that asks for a certificate; `None` for others.
    /// `peer` is the sender as its certificate names it.
    pub fn answer(
        &self,
        peer: Option<&PeerId>,
        message: &ClientMsg,
        now: Millis,
    ) -> Option<ServerMsg> {
        match (&message.kind, peer) {
            (Some(client_msg::Kind::Enroll(enroll)), _) => Some(self.handle_enroll(enroll, now)),
            (Some(client_msg::Kind::Renew(renew)), Some(peer)) => {
                Some(self.handle_renew(peer, renew, now))
            }
            (Some(client_msg::Kind::Renew(_)), None) => Some(forbidden("a certificate is needed")),
            _ => None,
        }
    }

    /// Answers a request for a first certificate: the token says the role, the peer its name.
    /// A use of the token is spent even if the answer is lost on the way.
    pub fn handle_enroll(&self, enroll: &Enroll, now: Millis) -> ServerMsg {
        if PeerId::new(Role::Agent, &enroll.name).is_err() {
            return malformed("the name is no valid id");
        }
        let role = match self.tokens.redeem(&enroll.token, now) {
            Ok(Some(role)) => role,
            Ok(None) => return bad_token(),
            Err(error) => return unavailable(&error),
        };
        match PeerId::new(role, &enroll.name) {
            Ok(peer) => self.answer_csr(&enroll.csr, &peer, now),
            Err(_) => malformed("the name is no valid id"),
        }
    }

    /// Answers a request for the next certificate. A collector may ask for its agents.
    pub fn handle_renew(&self, peer: &PeerId, renew: &Renew, now: Millis) -> ServerMsg {
        if renew.on_behalf_of.is_empty() {
            return self.answer_csr(&renew.csr, peer, now);
        }
        if peer.role() != Role::Collector {
            return forbidden("only collectors renew for others");
        }
        match PeerId::new(Role::Agent, &renew.on_behalf_of) {
            Ok(agent) => self.answer_csr(&renew.csr, &agent, now),
            Err(_) => malformed("the name is no valid id"),
        }
    }

    fn answer_csr(&self, csr: &[u8], peer: &PeerId, now: Millis) -> ServerMsg {
        match self.sign(csr, peer, &[], now) {
            Ok(enrolled) => ServerMsg {
                kind: Some(server_msg::Kind::Enrolled(enrolled)),
            },
            Err(AuthorityError::Csr(_)) => malformed("the certificate request cannot be read"),
            Err(error) => unavailable(&error),
        }
    }

    /// Signs the key of a request; what the request says besides is ignored.
    fn sign(
        &self,
        csr: &[u8],
        peer: &PeerId,
        host_names: &[String],
        now: Millis,
    ) -> Result<Enrolled, AuthorityError> {
        let request =
            CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(csr))
                .map_err(AuthorityError::Csr)?;
        let left_ms = u64::try_from(self.root_not_after.0 - now.0).unwrap_or(0);
        if left_ms == 0 {
            return Err(AuthorityError::Expired);
        }
        let lifetime = self.leaf_lifetime.min(Duration::from_millis(left_ms));
        let leaf = leaf_params(peer, host_names, now, lifetime)
            .and_then(|params| params.signed_by(&request.public_key, &self.issuer))
            .map_err(AuthorityError::Sign)?;
        Ok(Enrolled {
            not_after_ms: not_after(leaf.der()).ok_or(AuthorityError::Damaged)?.0,
            chain: vec![leaf.der().to_vec()],
            roots: vec![self.root.to_vec()],
            id: peer.id().0.clone(),
        })
    }
}

fn make_root(options: AuthorityOptions, now: Millis) -> Result<String, AuthorityError> {
    let key = KeyPair::generate().map_err(AuthorityError::Sign)?;
    // Roots of different keys have different names, so that a peer which trusts several of them
    // knows at once which one to check with.
    let hash = hash_of(&key.subject_public_key_info());
    let common_name = format!("weft root {}", to_hex(&hash.0[..8]));
    let root = root_params(&common_name, now, options.root_lifetime)
        .self_signed(&key)
        .map_err(AuthorityError::Sign)?;
    let parts = [
        Pem::new(TAG_KEY, key.serialize_der()),
        Pem::new(TAG_CERTIFICATE, root.der().to_vec()),
    ];
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    Ok(pem::encode_many_config(&parts, config))
}

fn not_after(der: &[u8]) -> Option<Millis> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let seconds = certificate.validity().not_after.timestamp();
    Some(Millis(seconds.saturating_mul(1000)))
}

fn refused(reason: RefusedReason, message: &str, retry_after_ms: u32) -> ServerMsg {
    let refused = Refused {
        reason: reason.into(),
        message: message.to_owned(),
        retry_after_ms,
    };
    ServerMsg {
        kind: Some(server_msg::Kind::Refused(refused)),
    }
}

fn bad_token() -> ServerMsg {
    let message = "the join token is unknown, used up or expired";
    refused(RefusedReason::BadToken, message, 0)
}

fn forbidden(message: &str) -> ServerMsg {
    refused(RefusedReason::Forbidden, message, 0)
}

fn malformed(message: &str) -> ServerMsg {
    refused(RefusedReason::Malformed, message, 0)
}

fn unavailable(error: &(dyn std::error::Error + 'static)) -> ServerMsg {
    tracing::error!(error, "the authority cannot answer");
    let message = "the authority cannot sign at the moment";
    refused(RefusedReason::Unavailable, message, 10_000)
}

/// Why the authority cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// Its directory or files cannot be read or written.
    #[error("open authority {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not what was written.
    #[error("open authority: the root key or certificate is damaged")]
    Damaged,
    /// A key is of no use.
    #[error("open authority")]
    Identity(#[source] IdentityError),
    /// The request for a certificate cannot be read.
    #[error("read certificate request")]
    Csr(#[source] rcgen::Error),
    /// A certificate cannot be made.
    #[error("sign certificate")]
    Sign(#[source] rcgen::Error),
    /// The root is too old to sign anything.
    #[error("sign certificate: the root has expired")]
    Expired,
}

#[cfg(test)]
mod tests;
