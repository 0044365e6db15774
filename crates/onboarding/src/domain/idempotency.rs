//! The digests of idempotency keys and of requests.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bcrypt::BcryptError;
use rowhouse_chassis::idempotency::IdempotencyKey;
use rowhouse_text::{EmailAddress, Password};
use sha2::{Digest, Sha256};

use super::{Slug, TenantName};

/// The largest number of bytes of a password that bcrypt reads; it needs one more for a NUL.
const LONGEST_AS_IT_IS: usize = 71;

/// The digest under which a key is stored. It includes the address, so a guessed key finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyDigest([u8; 32]);

impl KeyDigest {
    pub(crate) fn new(email: &EmailAddress, key: &IdempotencyKey) -> Self {
        Self(digest(&[email.as_str(), key.as_str()]))
    }

    pub(crate) const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A digest that a repeat must equal. It contains the password as a [`PasswordProof`], which is no easier to guess
/// from than auth's hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub(crate) fn new(name: &TenantName, slug: Option<&Slug>, email: &EmailAddress) -> Self {
        // A slug that was sent is never empty.
        Self(digest(&[name.as_str(), slug.map_or("", Slug::as_str), email.as_str()]))
    }

    /// Adds the password to the fingerprint, if one was sent.
    pub(crate) fn with(self, proof: Option<&PasswordProof>) -> Self {
        let mut hasher = Sha256::new_with_prefix(self.0);
        if let Some(PasswordProof(proof)) = proof {
            hasher.update(proof);
        }
        Self(hasher.finalize().into())
    }

    pub(crate) const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A bcrypt hash of a password with the idempotency key as the salt: the same password and key give the same proof.
pub(crate) struct PasswordProof(String);

impl PasswordProof {
    /// Computes the proof, which takes as long as a login.
    pub(crate) fn new(password: &Password, key: &KeyDigest, cost: u32) -> Result<Self, BcryptError> {
        let mut salt = [0; 16];
        salt.iter_mut().zip(key.0).for_each(|(to, from)| *to = from);
        // bcrypt reads 71 bytes. A password that fits is used as it is, as before longer ones were allowed, so that a
        // request that is repeated after an upgrade is still the same.
        let parts = if password.expose().len() <= LONGEST_AS_IT_IS {
            bcrypt::non_truncating_hash_with_salt(password.expose(), cost, salt)?
        } else {
            let prehashed = password.for_bcrypt(&BASE64_STANDARD.encode(salt));
            bcrypt::non_truncating_hash_with_salt(prehashed.as_bytes(), cost, salt)?
        };
        Ok(Self(parts.to_string()))
    }
}

/// Computes SHA-256 over the parts, each terminated by a NUL, which none of them contains.
fn digest(parts: &[&str]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
        hasher.update([0]);
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_key_of_two_people_is_two_keys() {
        let digest = |email: &str, key: &str| KeyDigest::new(&email.parse().unwrap(), &key.parse().unwrap());
        assert_eq!(digest("ada@example.com", "k1"), digest(" ADA@example.com", "k1"));
        assert_ne!(digest("ada@example.com", "k1"), digest("eve@example.com", "k1"));
        assert_ne!(digest("ada@example.com", "k1"), digest("ada@example.com", "k2"));
        assert_ne!(digest("ada@example.com", "k1"), digest("ada@example.comk", "1"));
    }

    #[test]
    fn another_password_is_another_request() {
        let key = |key: &str| KeyDigest::new(&"ada@example.com".parse().unwrap(), &key.parse().unwrap());
        let plain = Fingerprint::new(&"Acme".parse().unwrap(), None, &"ada@example.com".parse().unwrap());
        let with = |password: &str, of: &str| {
            let password = Password::parse(password.to_owned()).unwrap();
            plain.with(Some(&PasswordProof::new(&password, &key(of), 4).unwrap()))
        };
        assert_eq!(with("correct horse", "k"), with("correct horse", "k"));
        assert_ne!(with("correct horse", "k"), with("correct horsf", "k"));
        assert_ne!(with("correct horse", "k"), with("correct horse", "l"), "the key is the salt");
        assert_ne!(with("correct horse", "k"), plain.with(None));
        assert_eq!(plain.with(None), plain.with(None));

        // All characters of a long password count, however they are composed.
        let long = |end: &str| with(&format!("{}{end}", "ж".repeat(100)), "k");
        assert_eq!(long("é"), long("e\u{301}"));
        assert_ne!(long("e"), long("f"));
        assert_eq!(with("café naïve 4711", "k"), with("cafe\u{301} nai\u{308}ve 4711", "k"));
    }

    #[test]
    fn each_field_counts() {
        let fingerprint = |name: &str, slug: Option<&str>, email: &str| {
            let slug = slug.map(|slug| slug.parse().unwrap());
            Fingerprint::new(&name.parse().unwrap(), slug.as_ref(), &email.parse().unwrap())
        };
        let first = fingerprint("Acme", Some("acme"), "ada@example.com");
        assert_eq!(first, fingerprint(" Acme ", Some("acme"), "Ada@example.com"));
        assert_ne!(first, fingerprint("Acme", None, "ada@example.com"));
        assert_ne!(first, fingerprint("Acme", Some("acme2"), "ada@example.com"));
        assert_ne!(first, fingerprint("Acme2", Some("acme"), "ada@example.com"));
        assert_ne!(first, fingerprint("Acme", Some("acme"), "eve@example.com"));
    }
}
