//! How a process comes by its first certificate, and by the next ones.
//!
//! In: a join token, or a connection that the present certificate opened. Out: an identity.
//! Bound: each request has 15 seconds. The secret of a token is said only to a peer that proved
//! to belong to the authority that the token names.

use std::time::Duration;

use weft_proto::v1::{
    ClientMsg, Enroll, Enrolled, Hello, Refused, Renew, ServerMsg, Stream, client_msg, server_msg,
};
use weft_stdx::Clock;

use crate::channel::{GreetError, RecvError, SendError};
use crate::client::{Connection, DialError, Dialer, DialerOptions, OpenError};
use crate::identity::{Identity, IdentityError, JoinToken, KeyRequest, spki_hash};

const TIME_MAX: Duration = Duration::from_secs(15);

/// Asks for a first certificate with a join token. `name` is the id that the peer wishes to have.
///
/// # Errors
/// Fails when no peer of the token's authority answers, or the authority refuses.
pub async fn enroll(
    options: DialerOptions,
    token: &JoinToken,
    name: &str,
    clock: Clock,
) -> Result<Identity, EnrollError> {
    let connection = Dialer::pinned(options, token.pin(), clock).dial().await?;
    let enrolled = enroll_over(&connection, token, name).await;
    connection.close().await;
    enrolled
}

/// Asks for a first certificate over a connection to a peer of the token's authority.
pub(crate) async fn enroll_over(
    connection: &Connection,
    token: &JoinToken,
    name: &str,
) -> Result<Identity, EnrollError> {
    let key = KeyRequest::generate()?;
    let enroll = Enroll {
        token: token.credential(),
        csr: key.csr()?,
        name: name.to_owned(),
    };
    let enrolled = request(connection, client_msg::Kind::Enroll(enroll)).await?;
    let pinned = |root: &Vec<u8>| spki_hash(root) == Some(token.pin());
    if !enrolled.roots.iter().any(pinned) {
        return Err(EnrollError::OtherAuthority);
    }
    Ok(key.complete(enrolled)?)
}

/// Asks for the next certificate over a connection that the present one opened.
///
/// # Errors
/// Fails when the connection is lost or the authority refuses.
pub async fn renew(connection: &Connection) -> Result<Identity, EnrollError> {
    let key = KeyRequest::generate()?;
    let renew = Renew {
        csr: key.csr()?,
        on_behalf_of: String::new(),
    };
    let enrolled = request(connection, client_msg::Kind::Renew(renew)).await?;
    Ok(key.complete(enrolled)?)
}

/// Passes a request of another peer on, over a control channel of its own, and returns the
/// answer: Enrolled or Refused.
///
/// # Errors
/// Fails when there is no such answer; the peer then has to ask again.
pub async fn relay(connection: &Connection, ask: ClientMsg) -> Result<ServerMsg, EnrollError> {
    let Some(kind @ (client_msg::Kind::Enroll(_) | client_msg::Kind::Renew(_))) = ask.kind else {
        return Err(EnrollError::OutOfTurn);
    };
    let kind = match request(connection, kind).await {
        Ok(enrolled) => server_msg::Kind::Enrolled(enrolled),
        Err(EnrollError::Refused(refused)) => server_msg::Kind::Refused(refused),
        Err(error) => return Err(error),
    };
    Ok(ServerMsg { kind: Some(kind) })
}

/// Returns the Hello of a control channel.
pub fn control_hello() -> Hello {
    Hello {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        stream: Stream::Control.into(),
        session_id: vec![0; 16],
        epoch: 1,
        next_seq: 1,
        features: Vec::new(),
    }
}

async fn request(connection: &Connection, kind: client_msg::Kind) -> Result<Enrolled, EnrollError> {
    tokio::time::timeout(TIME_MAX, converse(connection, kind))
        .await
        .unwrap_or(Err(EnrollError::TimedOut))
}

/// Greets, asks and listens, on a control channel of its own.
async fn converse(
    connection: &Connection,
    kind: client_msg::Kind,
) -> Result<Enrolled, EnrollError> {
    let mut channel = connection.open(Stream::Control).await?;
    match channel.greet(control_hello()).await {
        Ok(_) => {}
        Err(GreetError::Refused(refused)) => return Err(EnrollError::Refused(refused)),
        Err(error) => return Err(EnrollError::Greet(error)),
    }
    channel.send(ClientMsg { kind: Some(kind) }).await?;
    let answer = channel.recv().await?;
    channel.finish().await;
    match answer.and_then(|message| message.kind) {
        Some(server_msg::Kind::Enrolled(enrolled)) => Ok(enrolled),
        Some(server_msg::Kind::Refused(refused)) => Err(EnrollError::Refused(refused)),
        _ => Err(EnrollError::OutOfTurn),
    }
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum EnrollError {
    /// No peer of the token's authority answers.
    #[error("enrol")]
    Dial(#[from] DialError),
    /// The authority said no.
    #[error("enrol: refused: {}", .0.message)]
    Refused(Refused),
    /// The roots in the answer are not those that the token names.
    #[error("enrol: the answer is of another authority")]
    OtherAuthority,
    /// The answer is no answer to the question.
    #[error("enrol: the answer is neither a certificate nor a refusal")]
    OutOfTurn,
    /// There was no answer in time.
    #[error("enrol: timed out")]
    TimedOut,
    /// The control channel was not opened.
    #[error("enrol")]
    Open(#[from] OpenError),
    /// The control channel was not accepted.
    #[error("enrol")]
    Greet(#[source] GreetError),
    /// The request was not sent.
    #[error("enrol")]
    Send(#[from] SendError),
    /// The answer was not received.
    #[error("enrol")]
    Recv(#[from] RecvError),
    /// The key cannot be made, or the certificate does not fit it.
    #[error("enrol")]
    Identity(#[from] IdentityError),
}
