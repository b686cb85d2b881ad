//! Who a peer is, how it proves it, and how it comes by the proof.
//!
//! In: a directory with keys, a join token, a certificate that was verified. Out: identities for
//! [`crate::Listener`] and [`crate::Dialer`], and the names of peers.
//! Bound: a leaf certificate lives a day by default and is renewed at 70 % of that.

mod authority;
mod own;
mod peer;
mod secret_file;
mod signing;
mod token;
mod token_store;

pub use authority::{Authority, AuthorityError, AuthorityOptions};
pub use own::{Identity, IdentityError};
pub use peer::{PeerId, PeerIdError, Role};
pub use token::{JoinToken, JoinTokenError, SpkiHash};
pub use token_store::{TokenGrant, TokenInfo, TokenStoreError};

pub(crate) use own::{KeyRequest, spki_hash};
pub(crate) use peer::{Leaf, TRUST_DOMAIN};
