//! Signing keys, and the public keys that issuers publish.

use std::fmt;

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::spki::der::zeroize::Zeroizing;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use jsonwebtoken::jwk::ThumbprintHash;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde::{Deserialize, Serialize};

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
        Self::from_private(ed25519_dalek::SigningKey::from_bytes(&seed))
    }

    /// Reads PKCS#8 PEM (`-----BEGIN PRIVATE KEY-----`).
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        Self::from_private(ed25519_dalek::SigningKey::from_pkcs8_pem(pem).or(Err(KeyError::Pem))?)
    }

    /// Writes PKCS#8 PEM. The text is wiped from memory when it is dropped.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        self.private.to_pkcs8_pem(LineEnding::LF).or(Err(KeyError::Encoding))
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

    fn from_private(private: ed25519_dalek::SigningKey) -> Result<Self, KeyError> {
        // jsonwebtoken recognises the curve by the document's length, which must not include the public key.
        let document =
            ed25519_dalek::pkcs8::KeypairBytes { secret_key: private.to_bytes(), public_key: None }
                .to_pkcs8_der()
                .or(Err(KeyError::Encoding))?;
        let encoding = EncodingKey::from_ed_der(document.as_bytes());
        let jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(&encoding, Algorithm::EdDSA)
            .or(Err(KeyError::Encoding))?;
        let jsonwebtoken::jwk::AlgorithmParameters::OctetKeyPair(pair) = &jwk.algorithm else {
            return Err(KeyError::Encoding);
        };
        let public = Jwk {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            alg: "EdDSA".to_owned(),
            use_: "sig".to_owned(),
            kid: jwk.thumbprint(ThumbprintHash::SHA256).or(Err(KeyError::Encoding))?,
            x: pair.x.clone(),
        };
        Ok(Self { encoding, private, public })
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
