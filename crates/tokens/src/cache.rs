//! [`Cache`], the tokens that were verified lately.

use quick_cache::sync::Cache as Entries;
use sha2::{Digest, Sha256};

use crate::trust::Keys;
use crate::{LEEWAY, VerifiedToken};

/// The number of tokens that are kept, at about a kilobyte each. Those that are used least make room for others.
const TOKENS: usize = 4096;

/// The tokens that were verified, by the SHA-256 of the whole token.
///
/// It saves the verification of the signature, and changes nothing in what is believed: a token is kept with the keys that it was
/// verified against and not returned with others or after it has expired. Revocations are looked up by those who use a token.
#[derive(Debug)]
pub(crate) struct Cache(Entries<[u8; 32], Entry>);

#[derive(Clone, Debug)]
struct Entry {
    token: VerifiedToken,
    /// The version of the trusted keys that the token was verified against.
    keys: u64,
}

impl Cache {
    pub(crate) fn new() -> Self {
        Self(Entries::new(TOKENS))
    }

    /// Returns the verified token, if it would be accepted at `now`, in seconds since 1970.
    pub(crate) fn get(&self, digest: &[u8; 32], keys: &Keys, now: u64) -> Option<VerifiedToken> {
        let entry = self.0.get(digest)?;
        let until = entry.token.expires_at().saturating_add_unsigned(LEEWAY);
        if entry.keys == keys.version() && now.cast_signed() <= until {
            return Some(entry.token);
        }
        self.0.remove(digest);
        None
    }

    /// Keeps a token that was verified against `keys`.
    pub(crate) fn insert(&self, digest: [u8; 32], token: &VerifiedToken, keys: &Keys) {
        self.0.insert(digest, Entry { token: token.clone(), keys: keys.version() });
    }
}

/// Returns the SHA-256 of a token, by which it is kept.
pub(crate) fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{Principal, Role};

    #[test]
    fn a_known_token_is_accepted_as_long_as_a_new_one_would_be() {
        let (cache, keys) = (Cache::new(), Keys::of_version(7));
        let principal = Principal::User { id: Uuid::nil(), role: Role::Member };
        let token = VerifiedToken::new(principal, Uuid::nil(), None, 1_000, "a.b.c");
        cache.insert(digest("a.b.c"), &token, &keys);
        assert!(cache.get(&digest("a.b.c"), &keys, 1_000 + LEEWAY).is_some());
        assert!(cache.get(&digest("a.b.d"), &keys, 0).is_none());
        assert!(cache.get(&digest("a.b.c"), &keys, 1_001 + LEEWAY).is_none(), "it has expired");
        assert!(cache.get(&digest("a.b.c"), &keys, 0).is_none(), "it was dropped");
        cache.insert(digest("a.b.c"), &token, &keys);
        assert!(cache.get(&digest("a.b.c"), &Keys::of_version(8), 0).is_none(), "the keys are others");
    }

    #[test]
    fn the_number_of_tokens_is_bounded() {
        let (cache, keys) = (Cache::new(), Keys::of_version(1));
        for number in 0..3 * TOKENS {
            let principal = Principal::User { id: Uuid::nil(), role: Role::Member };
            let token = VerifiedToken::new(principal, Uuid::nil(), None, 1_000, &format!("a.b.{number}"));
            cache.insert(digest(token.raw()), &token, &keys);
        }
        assert!(cache.0.len() <= TOKENS, "{}", cache.0.len());
    }
}
