//! The join tokens that an authority gave out, kept as hashes.
//!
//! In: grants of an operator, credentials of peers that join. Out: the role a credential is good
//! for, once for each of its uses.
//! Bound: 1024 tokens. A use is durable before it is granted; several processes may share the
//! file, one at a time.

use std::fs::{File, OpenOptions};
use std::hint::black_box;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use weft_model::Millis;

use super::own::hash_of;
use super::peer::Role;
use super::secret_file;
use super::token::{JoinToken, SpkiHash, from_hex, split_credential, to_hex};

const FILE: &str = "tokens";
const LOCK: &str = "tokens.lock";
const HEADER: &str = "weft-tokens 1";
const TOKENS_MAX: usize = 1024;
const UNLIMITED: &str = "unlimited";

/// What a token is to be good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenGrant {
    /// The role of the peers that join with it: agent or collector.
    pub role: Role,
    /// How long it may be used.
    pub lifetime: Duration,
    /// How many peers may join with it; `None` for any number.
    pub uses: Option<u32>,
}

/// What is known of a token; not its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenInfo {
    /// The part before the dot.
    pub id: String,
    /// The role of the peers that join with it.
    pub role: Role,
    /// When it ends.
    pub expires_at: Millis,
    /// How many peers may still join with it; `None` for any number.
    pub uses_left: Option<u32>,
}

/// The file of tokens.
#[derive(Debug)]
pub(crate) struct TokenStore {
    dir: PathBuf,
}

impl TokenStore {
    pub(crate) fn new(dir: &Path) -> TokenStore {
        let dir = dir.to_owned();
        TokenStore { dir }
    }

    /// Makes a token and keeps its hash.
    pub(crate) fn create(
        &self,
        pin: SpkiHash,
        grant: TokenGrant,
        now: Millis,
    ) -> Result<JoinToken, TokenStoreError> {
        if grant.role == Role::Aggregator {
            return Err(TokenStoreError::Role);
        }
        let token = JoinToken::random(pin);
        let (id, secret) = split_credential(&token.credential()).ok_or(TokenStoreError::Damaged)?;
        let lifetime_ms = i64::try_from(grant.lifetime.as_millis()).unwrap_or(i64::MAX);
        let entry = Entry {
            id,
            hash: hash_of(&secret),
            role: grant.role,
            expires_at: now.plus(lifetime_ms),
            uses_left: grant.uses,
        };
        self.update(|entries| {
            entries.retain(|entry| entry.is_usable(now));
            if entries.len() >= TOKENS_MAX {
                return Err(TokenStoreError::Full);
            }
            entries.push(entry);
            Ok(())
        })?;
        Ok(token)
    }

    /// Returns the tokens that can still be used.
    pub(crate) fn list(&self, now: Millis) -> Result<Vec<TokenInfo>, TokenStoreError> {
        let _lock = self.lock()?;
        let entries = self.read()?;
        let usable = entries.iter().filter(|entry| entry.is_usable(now));
        Ok(usable.map(Entry::info).collect())
    }

    /// Forgets a token; tells whether there was one.
    pub(crate) fn revoke(&self, id: &str) -> Result<bool, TokenStoreError> {
        self.update(|entries| {
            let before = entries.len();
            entries.retain(|entry| to_hex(&entry.id) != id);
            Ok(entries.len() < before)
        })
    }

    /// Uses a credential once; `None` when it is unknown, used up or expired.
    pub(crate) fn redeem(
        &self,
        credential: &str,
        now: Millis,
    ) -> Result<Option<Role>, TokenStoreError> {
        let Some((id, secret)) = split_credential(credential) else {
            return Ok(None);
        };
        let hash = hash_of(&secret);
        self.update(|entries| {
            let found = entries.iter_mut().find(|entry| entry.id == id);
            let Some(entry) = found.filter(|entry| entry.opens_with(hash, now)) else {
                return Ok(None);
            };
            entry.uses_left = entry.uses_left.map(|uses| uses - 1);
            Ok(Some(entry.role))
        })
    }

    /// Changes the entries; the change is durable when this returns.
    fn update<T>(
        &self,
        change: impl FnOnce(&mut Vec<Entry>) -> Result<T, TokenStoreError>,
    ) -> Result<T, TokenStoreError> {
        let _lock = self.lock()?;
        let before = self.read()?;
        let mut entries = before.clone();
        let result = change(&mut entries)?;
        if entries != before {
            self.write(&entries)?;
        }
        Ok(result)
    }

    fn lock(&self) -> Result<File, TokenStoreError> {
        let path = self.dir.join(LOCK);
        let open = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path);
        open.and_then(|file| file.lock().map(|()| file))
            .map_err(|source| TokenStoreError::Io { path, source })
    }

    fn read(&self) -> Result<Vec<Entry>, TokenStoreError> {
        let path = self.dir.join(FILE);
        let bytes =
            secret_file::read(&path).map_err(|source| TokenStoreError::Io { path, source })?;
        let Some(bytes) = bytes else {
            return Ok(Vec::new());
        };
        let text = String::from_utf8(bytes).map_err(|_| TokenStoreError::Damaged)?;
        let mut lines = text.lines();
        if lines.next() != Some(HEADER) {
            return Err(TokenStoreError::Damaged);
        }
        lines
            .map(|line| Entry::parse(line).ok_or(TokenStoreError::Damaged))
            .collect()
    }

    fn write(&self, entries: &[Entry]) -> Result<(), TokenStoreError> {
        let mut text = format!("{HEADER}\n");
        for entry in entries {
            text += &entry.line();
        }
        let path = self.dir.join(FILE);
        secret_file::write(&path, text.as_bytes())
            .map_err(|source| TokenStoreError::Io { path, source })
    }
}

/// One line of the file: id, hash of the secret, role, end, uses left.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    id: [u8; 8],
    hash: SpkiHash,
    role: Role,
    expires_at: Millis,
    uses_left: Option<u32>,
}

impl Entry {
    fn is_usable(&self, now: Millis) -> bool {
        now < self.expires_at && self.uses_left != Some(0)
    }

    fn opens_with(&self, hash: SpkiHash, now: Millis) -> bool {
        equal_in_constant_time(&self.hash.0, &hash.0) && self.is_usable(now)
    }

    fn info(&self) -> TokenInfo {
        TokenInfo {
            id: to_hex(&self.id),
            role: self.role,
            expires_at: self.expires_at,
            uses_left: self.uses_left,
        }
    }

    fn line(&self) -> String {
        let uses = self
            .uses_left
            .map_or_else(|| UNLIMITED.to_owned(), |uses| uses.to_string());
        let id = to_hex(&self.id);
        let (hash, role, end) = (self.hash, self.role, self.expires_at.0);
        format!("{id} {hash} {role} {end} {uses}\n")
    }

    fn parse(line: &str) -> Option<Entry> {
        let fields: Vec<&str> = line.split(' ').collect();
        let [id, hash, role, end, uses] = fields[..] else {
            return None;
        };
        let uses_left = match uses {
            UNLIMITED => None,
            number => Some(number.parse().ok()?),
        };
        Some(Entry {
            id: from_hex(id)?,
            hash: SpkiHash(from_hex(hash)?),
            role: role.parse().ok()?,
            expires_at: Millis(end.parse().ok()?),
            uses_left,
        })
    }
}

/// Compares without telling by the time it takes where the difference is.
fn equal_in_constant_time(left: &[u8; 32], right: &[u8; 32]) -> bool {
    let differences = left
        .iter()
        .zip(right)
        .fold(0, |differences, (a, b)| black_box(differences | (a ^ b)));
    differences == 0
}

/// Why the tokens cannot be used or changed.
#[derive(Debug, thiserror::Error)]
pub enum TokenStoreError {
    /// The file cannot be read, locked or written.
    #[error("use tokens {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is not what was written.
    #[error("read tokens: the file is damaged")]
    Damaged,
    /// There are too many.
    #[error("create token: there are {TOKENS_MAX} already; revoke some")]
    Full,
    /// Aggregators do not join.
    #[error("create token: only agents and collectors join with a token")]
    Role,
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_000_000);
    const PIN: SpkiHash = SpkiHash([1; 32]);

    fn grant(uses: Option<u32>) -> TokenGrant {
        TokenGrant {
            role: Role::Agent,
            lifetime: Duration::from_secs(60),
            uses,
        }
    }

    #[test]
    fn a_token_is_good_for_as_many_uses_as_granted_even_across_restarts() {
        let dir = tempfile::tempdir().unwrap();
        let token = TokenStore::new(dir.path())
            .create(PIN, grant(Some(2)), NOW)
            .unwrap();
        for expected in [Some(Role::Agent), Some(Role::Agent), None, None] {
            let store = TokenStore::new(dir.path());
            assert_eq!(store.redeem(&token.credential(), NOW).unwrap(), expected);
        }
        assert!(TokenStore::new(dir.path()).list(NOW).unwrap().is_empty());
    }

    #[test]
    fn a_token_ends_on_time() {
        let dir = tempfile::tempdir().unwrap();
        let store = TokenStore::new(dir.path());
        let token = store.create(PIN, grant(None), NOW).unwrap();
        let redeem = |after_ms| {
            store
                .redeem(&token.credential(), NOW.plus(after_ms))
                .unwrap()
        };
        assert_eq!(redeem(59_999), Some(Role::Agent));
        assert_eq!(redeem(60_000), None);
    }

    #[test]
    fn a_wrong_secret_or_a_revoked_token_opens_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let store = TokenStore::new(dir.path());
        let token = store.create(PIN, grant(None), NOW).unwrap();
        let other = store.create(PIN, grant(None), NOW).unwrap();
        let (id, _) = token.credential().split_once('.').map(own).unwrap();
        let (_, secret) = other.credential().split_once('.').map(own).unwrap();
        for credential in [format!("{id}.{secret}"), String::new(), id.clone()] {
            assert_eq!(store.redeem(&credential, NOW).unwrap(), None);
        }
        assert!(store.revoke(&token.id()).unwrap());
        assert!(!store.revoke(&token.id()).unwrap());
        assert_eq!(store.redeem(&token.credential(), NOW).unwrap(), None);
        let left = store.list(NOW).unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].id, other.id());
    }

    #[test]
    fn concurrent_peers_share_the_uses() {
        let dir = tempfile::tempdir().unwrap();
        let token = TokenStore::new(dir.path())
            .create(PIN, grant(Some(5)), NOW)
            .unwrap();
        let joined: usize = std::thread::scope(|scope| {
            let join = || {
                let store = TokenStore::new(dir.path());
                let redeem = || store.redeem(&token.credential(), NOW).unwrap();
                (0..5).filter(|_| redeem().is_some()).count()
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(join)).collect();
            threads.into_iter().map(|t| t.join().unwrap()).sum()
        });
        assert_eq!(joined, 5);
    }

    #[test]
    fn the_file_holds_no_secret_and_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let store = TokenStore::new(dir.path());
        let token = store.create(PIN, grant(None), NOW).unwrap();
        let (_, secret) = token.credential().split_once('.').map(own).unwrap();
        let path = dir.path().join(FILE);
        assert!(!std::fs::read_to_string(&path).unwrap().contains(&secret));
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    fn own((left, right): (&str, &str)) -> (String, String) {
        (left.to_owned(), right.to_owned())
    }
}
