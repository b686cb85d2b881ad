//! The agent's certificate: kept, asked for with a join token, renewed.

use std::path::{Path, PathBuf};

use weft_link::{
    Connection, Dialer, DialerOptions, EnrollError, Identity, IdentityError, JoinToken, enroll,
    renew,
};
use weft_model::Millis;
use weft_stdx::Clock;

use crate::config::OutletConfig;

/// Why there is no certificate yet.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CertificateError {
    /// The file cannot be used.
    #[error("keep certificate")]
    Keep(#[from] IdentityError),
    /// There is none, and no token to ask for one.
    #[error("find certificate: there is none, and no join token to ask for one")]
    NoToken,
    /// The token cannot be read.
    #[error("read join token")]
    Token(#[source] weft_link::identity::JoinTokenError),
    /// The authority did not give one.
    #[error("ask for certificate")]
    Enroll(#[from] EnrollError),
}

/// Where the certificate is kept and how one is asked for.
#[derive(Debug)]
pub(crate) struct Certificate {
    dir: PathBuf,
    name: String,
    token: Option<String>,
    options: DialerOptions,
    clock: Clock,
}

impl Certificate {
    /// Returns the way to the certificate of the agent `name`, kept in `dir`.
    pub(crate) fn new(
        dir: &Path,
        name: &str,
        config: &OutletConfig,
        options: DialerOptions,
        clock: Clock,
    ) -> Certificate {
        Certificate {
            dir: dir.to_owned(),
            name: name.to_owned(),
            token: config.join_token.clone(),
            options,
            clock,
        }
    }

    /// Returns the certificate that is kept and has not expired, or asks for one.
    pub(crate) async fn obtain(&self) -> Result<Identity, CertificateError> {
        let kept = Identity::load(&self.dir)?;
        let now = Millis(self.clock.millis());
        if let Some(identity) = kept.filter(|identity| identity.expires_at() > now) {
            return Ok(identity);
        }
        let token = self.token.as_deref().ok_or(CertificateError::NoToken)?;
        let token: JoinToken = token.parse().map_err(CertificateError::Token)?;
        let enrolled = enroll(self.options.clone(), &token, &self.name, self.clock.clone()).await?;
        enrolled.save(&self.dir)?;
        tracing::info!(peer = %enrolled.peer(), "agent is enrolled");
        Ok(enrolled)
    }

    /// Asks for the next certificate over a connection, keeps it, and lets `dialer` show it.
    pub(crate) async fn renew(
        &self,
        connection: &Connection,
        dialer: &Dialer,
    ) -> Result<Identity, CertificateError> {
        let renewed = renew(connection).await?;
        renewed.save(&self.dir)?;
        dialer.set_identity(renewed.clone());
        tracing::info!("certificate is renewed");
        Ok(renewed)
    }
}
