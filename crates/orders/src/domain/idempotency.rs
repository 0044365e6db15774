//! Calls that are safe to repeat.

use std::str::FromStr;

use sha2::{Digest, Sha256};

/// The caller's name for one call: 1 to 255 visible ASCII characters. Unique in its tenant, and unknown in
/// any other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IdempotencyKey(String);

/// The text is no key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("send 1 to 255 visible ASCII characters, such as a UUID, or leave it out")]
pub(crate) struct InvalidIdempotencyKey;

impl IdempotencyKey {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for IdempotencyKey {
    type Err = InvalidIdempotencyKey;

    fn from_str(key: &str) -> Result<Self, InvalidIdempotencyKey> {
        if (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(key.to_owned()))
        } else {
            Err(InvalidIdempotencyKey)
        }
    }
}

/// What tells one request from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The digest of a request's encoding.
    pub(crate) fn of(request: &[u8]) -> Self {
        Self(Sha256::digest(request).into())
    }

    pub(crate) const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        let longest = "k".repeat(255);
        for key in ["k", "01890a5d-ac96-774b-bcce-b302099a8057", "!~\"'\\", &longest] {
            assert_eq!(key.parse::<IdempotencyKey>().unwrap().as_str(), key);
        }
        let too_long = "k".repeat(256);
        for key in ["", " ", "a b", " a", "a\n", "a\0", "ä", "\u{7f}", &too_long] {
            assert_eq!(key.parse::<IdempotencyKey>(), Err(InvalidIdempotencyKey), "{key:?}");
        }
    }

    #[test]
    fn fingerprints_tell_requests_apart() {
        assert_eq!(Fingerprint::of(b"one"), Fingerprint::of(b"one"));
        assert_ne!(Fingerprint::of(b"one"), Fingerprint::of(b"two"));
    }
}
