//! Signing keys, and the public keys that issuers publish.

use std::fmt;
use std::time::SystemTime;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD;
use chrono::{DateTime, SecondsFormat, Utc};
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::spki::der::zeroize::Zeroizing;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use jsonwebtoken::EncodingKey;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ed25519;

/// The beginning of the line before a key's PEM that has the time of its creation. Readers of PEM skip what is before the key (RFC
/// 7468), and a copy of the file keeps it.
const CREATED: &str = "Created: ";

/// The error of generating, reading or writing a key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The operating system returned no random bytes.
    #[error("no random bytes for a new key: {0}")]
    Random(#[from] getrandom::Error),
    /// The text is not an Ed25519 private key in PKCS#8 PEM.
    #[error(
        "the signing key is not an Ed25519 private key in PEM (PKCS#8); `rowhouse keys generate` makes one"
    )]
    Pem,
    /// The key could not be encoded.
    #[error("the signing key cannot be encoded")]
    Encoding,
}

/// An Ed25519 private key.
pub struct SigningKey {
    pub(crate) encoding: EncodingKey,
    private: ed25519_dalek::SigningKey,
    public: Jwk,
    created: Option<SystemTime>,
}

/// The keys of one issuer. A key is `next`, then `current`, then `previous`.
#[derive(Debug)]
pub struct SigningKeys {
    /// The key that signs.
    pub current: SigningKey,
    /// The key that will sign next, published in advance.
    pub next: Option<SigningKey>,
    /// The key that signed before, published as long as its tokens are valid.
    pub previous: Option<SigningKey>,
}

/// A public key in the form of RFC 7517 and RFC 8037.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    /// Always `OKP`.
    pub kty: String,
    /// Always `Ed25519`.
    pub crv: String,
    /// Always `EdDSA`.
    pub alg: String,
    /// Always `sig`.
    #[serde(rename = "use")]
    pub use_: String,
    /// The thumbprint of the key (RFC 7638).
    pub kid: String,
    /// The key, base64url without padding.
    pub x: String,
}

/// The set of public keys that an issuer publishes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JwkSet {
    /// The keys. An issuer's own list starts with the key that signs.
    pub keys: Vec<Jwk>,
}

impl SigningKey {
    /// Generates a key.
    pub fn generate() -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0; ed25519_dalek::SECRET_KEY_LENGTH]);
        getrandom::fill(&mut *seed)?;
        Self::from_private(ed25519_dalek::SigningKey::from_bytes(&seed), Some(SystemTime::now()))
    }

    /// Reads PKCS#8 PEM (`-----BEGIN PRIVATE KEY-----`), with or without the time of the key's creation before it.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let time = pem.lines().find_map(|line| line.strip_prefix(CREATED));
        let created =
            time.and_then(|time| DateTime::parse_from_rfc3339(time.trim()).ok()).map(SystemTime::from);
        Self::from_private(ed25519_dalek::SigningKey::from_pkcs8_pem(pem).or(Err(KeyError::Pem))?, created)
    }

    /// Writes PKCS#8 PEM, and before it the time of the key's creation. The text is wiped from memory when it is dropped.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        let pem = self.private.to_pkcs8_pem(LineEnding::LF).or(Err(KeyError::Encoding))?;
        let Some(created) = self.created else { return Ok(pem) };
        let created = DateTime::<Utc>::from(created).to_rfc3339_opts(SecondsFormat::Secs, true);
        Ok(Zeroizing::new(format!("{CREATED}{created}\n{}", *pem)))
    }

    /// Returns the time of the key's creation, if its PEM had it.
    #[must_use]
    pub fn created(&self) -> Option<SystemTime> {
        self.created
    }

    /// Returns the key's id, for the header `kid`.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.public.kid
    }

    /// Returns the public key.
    #[must_use]
    pub fn jwk(&self) -> &Jwk {
        &self.public
    }

    fn from_private(
        private: ed25519_dalek::SigningKey,
        created: Option<SystemTime>,
    ) -> Result<Self, KeyError> {
        ed25519::install();
        let document = private.to_pkcs8_der().or(Err(KeyError::Encoding))?;
        let encoding = EncodingKey::from_ed_der(document.as_bytes());
        let public = Jwk::new(&private.verifying_key());
        Ok(Self { encoding, private, public, created })
    }
}

impl Jwk {
    fn new(key: &ed25519_dalek::VerifyingKey) -> Self {
        let x = URL_SAFE_NO_PAD.encode(key.as_bytes());
        // RFC 7638 digests the required members in this order, without spaces.
        let thumbprint = Sha256::digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#));
        Self {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            alg: "EdDSA".to_owned(),
            use_: "sig".to_owned(),
            kid: URL_SAFE_NO_PAD.encode(thumbprint),
            x,
        }
    }
}

impl SigningKeys {
    /// Returns the public keys, the one that signs first. A key that is in two places, as it is for a moment during a
    /// rotation, appears once.
    #[must_use]
    pub fn public_keys(&self) -> JwkSet {
        let mut keys: Vec<Jwk> = Vec::with_capacity(3);
        for key in [Some(&self.current), self.next.as_ref(), self.previous.as_ref()].into_iter().flatten() {
            if !keys.contains(key.jwk()) {
                keys.push(key.jwk().clone());
            }
        }
        JwkSet { keys }
    }
}

impl From<SigningKey> for SigningKeys {
    /// Creates a set of one key, which signs.
    fn from(current: SigningKey) -> Self {
        Self { current, next: None, previous: None }
    }
}

impl fmt::Debug for SigningKey {
    /// Shows the key's id, not the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.public.kid).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn the_example_of_rfc_8037_has_the_thumbprint_that_it_states() {
        let seed = URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
        let private = ed25519_dalek::SigningKey::from_bytes(seed.as_slice().try_into().unwrap());
        let key = SigningKey::from_private(private, None).unwrap();
        assert_eq!(key.jwk().x, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn the_pem_keeps_the_time_of_creation_to_the_second() {
        let key = SigningKey::generate().unwrap();
        let pem = key.to_pem().unwrap();
        let read = SigningKey::from_pem(&pem).unwrap();
        assert_eq!(read.jwk(), key.jwk());
        assert!(key.created().unwrap().duration_since(read.created().unwrap()).unwrap().as_secs() < 1);
        assert_eq!(read.to_pem().unwrap(), pem);

        let (_, without) = pem.split_once('\n').unwrap();
        let read = SigningKey::from_pem(without).unwrap();
        assert_eq!((read.jwk(), read.created()), (key.jwk(), None));
        assert_eq!(*read.to_pem().unwrap(), without);
    }
}
