//! The collector's own certificate: found, asked for with a join token, renewed in time.
//!
//! In: the state directory, a join token, a connection to an aggregator. Out: an identity that is
//! kept on disk before it is used.
//! Bound: waits between tries grow to the configured longest one.

use std::path::PathBuf;
use std::time::Duration;

use weft_link::{
    Connection, DialerOptions, EnrollError, Identity, IdentityError, JoinToken, enroll, renew,
};
use weft_model::Millis;
use weft_stdx::{Backoff, Clock};

use crate::config::Config;
use crate::status::{LinkState, StatusBoard};

/// How long a failed renewal waits for the next try.
const RENEW_AGAIN: Duration = Duration::from_secs(60);

/// Where the identity comes from and where it is kept.
#[derive(Debug)]
pub(crate) struct Membership {
    dir: PathBuf,
    name: String,
    token: Option<JoinToken>,
    options: DialerOptions,
    reconnect_max: Duration,
    clock: Clock,
    status: StatusBoard,
}

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum MembershipError {
    /// There is no valid certificate and no join token to ask for one.
    #[error("find identity: there is no valid certificate and no join token")]
    NoToken,
    /// The identity cannot be read or kept.
    #[error("find identity")]
    Identity(#[from] IdentityError),
    /// The authority refuses the token for good.
    #[error("find identity")]
    Refused(#[source] EnrollError),
}

impl Membership {
    pub(crate) fn new(
        config: &Config,
        token: Option<JoinToken>,
        clock: Clock,
        status: StatusBoard,
    ) -> Membership {
        Membership {
            dir: config.state.clone(),
            name: config.name.clone(),
            token,
            options: dialer_options(config),
            reconnect_max: config.outlet.reconnect_max,
            clock,
            status,
        }
    }

    /// Returns the identity that is kept, or asks for one until it is granted or refused.
    pub(crate) async fn obtain(&self) -> Result<Identity, MembershipError> {
        let kept = Identity::load(&self.dir)?;
        let now = Millis(self.clock.millis());
        if let Some(identity) = kept.filter(|identity| identity.expires_at() > now) {
            return Ok(identity);
        }
        let token = self.token.as_ref().ok_or(MembershipError::NoToken)?;
        let first = Duration::from_millis(250);
        let mut backoff = Backoff::new(first, self.reconnect_max, self.clock.nanos() as u64);
        loop {
            self.status
                .update(|status| status.link = LinkState::Enrolling);
            let asked = enroll(self.options.clone(), token, &self.name, self.clock.clone()).await;
            match asked {
                Ok(identity) => {
                    identity.save(&self.dir)?;
                    tracing::info!(peer = %identity.peer(), "enrolled");
                    return Ok(identity);
                }
                Err(error) if is_final(&error) => return Err(MembershipError::Refused(error)),
                Err(error) => {
                    let text = self.status.note_error(&error);
                    tracing::warn!(error = text, "enrolment failed; trying again");
                    self.status
                        .update(|status| status.link = LinkState::Waiting(text));
                    tokio::time::sleep(backoff.next_wait()).await;
                }
            }
        }
    }

    /// Waits until `identity` is due, then renews it over `connection`; tries until it succeeds.
    pub(crate) async fn renewed(&self, identity: &Identity, connection: &Connection) -> Identity {
        let due_ms = identity.renew_at().0.saturating_sub(self.clock.millis());
        let due = Duration::from_millis(u64::try_from(due_ms).unwrap_or(0));
        tokio::time::sleep(due).await;
        loop {
            match renew(connection)
                .await
                .map_err(RenewError::Refused)
                .and_then(|next| {
                    next.save(&self.dir).map_err(RenewError::Keep)?;
                    Ok(next)
                }) {
                Ok(next) => {
                    tracing::info!(expires_ms = next.expires_at().0, "certificate renewed");
                    return next;
                }
                Err(error) => {
                    let text = self.status.note_error(&error);
                    tracing::warn!(error = text, "certificate not renewed; trying again");
                    tokio::time::sleep(RENEW_AGAIN).await;
                }
            }
        }
    }
}

/// Why the certificate was not renewed.
#[derive(Debug, thiserror::Error)]
enum RenewError {
    #[error("renew certificate")]
    Refused(#[source] EnrollError),
    #[error("keep renewed certificate")]
    Keep(#[source] IdentityError),
}

/// Returns how aggregators are dialled.
pub(crate) fn dialer_options(config: &Config) -> DialerOptions {
    DialerOptions {
        addresses: config.outlet.addresses.clone(),
        transport: config.outlet.transport,
        ..DialerOptions::default()
    }
}

/// A refusal that gives no time for another try stands.
fn is_final(error: &EnrollError) -> bool {
    matches!(error, EnrollError::Refused(refused) if refused.retry_after_ms == 0)
}
