//! The join token: what an operator hands to a new peer.
//!
//! In: text `WFT1<hex SHA-256 of the root's public key>::<id>.<secret>`. Out: the pin that tells
//! the right authority before any secret is said, and the part that is said to it.
//! Bound: 64 + 16 + 64 hexadecimal digits.

use std::fmt;
use std::str::FromStr;

use super::signing::random_bytes;

const PREFIX: &str = "WFT1";
const ID_BYTES: usize = 8;
const SECRET_BYTES: usize = 32;

/// The SHA-256 of a SubjectPublicKeyInfo in DER: names an authority across renewals of its
/// certificate.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpkiHash(pub [u8; 32]);

impl fmt::Display for SpkiHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(&self.0))
    }
}

impl fmt::Debug for SpkiHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A join token. Its `Display` is the whole text, with the secret; its `Debug` hides the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinToken {
    pin: SpkiHash,
    id: [u8; ID_BYTES],
    secret: [u8; SECRET_BYTES],
}

impl JoinToken {
    /// Makes a token with a random id and secret.
    pub(crate) fn random(pin: SpkiHash) -> JoinToken {
        JoinToken {
            pin,
            id: random_bytes(),
            secret: random_bytes(),
        }
    }

    /// Returns the hash of the authority's public key.
    pub fn pin(&self) -> SpkiHash {
        self.pin
    }

    /// Returns the id by which operators list and revoke it.
    pub fn id(&self) -> String {
        to_hex(&self.id)
    }

    /// Returns what is sent to the authority: `<id>.<secret>`.
    pub(crate) fn credential(&self) -> String {
        format!("{}.{}", to_hex(&self.id), to_hex(&self.secret))
    }
}

/// Takes a credential apart.
pub(crate) fn split_credential(text: &str) -> Option<([u8; ID_BYTES], [u8; SECRET_BYTES])> {
    let (id, secret) = text.split_once('.')?;
    Some((from_hex(id)?, from_hex(secret)?))
}

impl FromStr for JoinToken {
    type Err = JoinTokenError;

    fn from_str(text: &str) -> Result<JoinToken, JoinTokenError> {
        let rest = text
            .trim()
            .strip_prefix(PREFIX)
            .ok_or(JoinTokenError::Prefix)?;
        let (pin, credential) = rest.split_once("::").ok_or(JoinTokenError::Shape)?;
        let pin = SpkiHash(from_hex(pin).ok_or(JoinTokenError::Shape)?);
        let (id, secret) = split_credential(credential).ok_or(JoinTokenError::Shape)?;
        Ok(JoinToken { pin, id, secret })
    }
}

impl fmt::Display for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}::{}", self.pin, self.credential())
    }
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinToken({PREFIX}{}::{}.*)", self.pin, self.id())
    }
}

/// Why a text is no join token.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinTokenError {
    /// It begins otherwise.
    #[error("read join token: it does not begin with {PREFIX}")]
    Prefix,
    /// It is cut off or has other characters.
    #[error("read join token: it is not of the form {PREFIX}<hash>::<id>.<secret>")]
    Shape,
}

/// Writes bytes as lower-case hexadecimal digits.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads exactly `N` bytes of hexadecimal digits.
pub(crate) fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_the_same_after_its_text() {
        let token = JoinToken::random(SpkiHash([0xa5; 32]));
        let text = token.to_string();
        assert_eq!(text.parse(), Ok(token.clone()));
        assert_eq!(format!("  {text}\n").parse(), Ok(token));
    }

    #[test]
    fn a_damaged_token_is_refused() {
        let text = JoinToken::random(SpkiHash([7; 32])).to_string();
        for end in 0..text.len() {
            assert!(text[..end].parse::<JoinToken>().is_err(), "{end} bytes");
        }
        assert_eq!(
            text.replace("WFT1", "K10").parse::<JoinToken>(),
            Err(JoinTokenError::Prefix)
        );
        assert!(text.replace('.', ":").parse::<JoinToken>().is_err());
        assert!(format!("{text}0").parse::<JoinToken>().is_err());
    }

    #[test]
    fn the_debug_form_hides_the_secret() {
        let token = JoinToken::random(SpkiHash([7; 32]));
        let secret = to_hex(&token.secret);
        assert!(!format!("{token:?}").contains(&secret));
        assert!(token.to_string().contains(&secret));
    }
}
