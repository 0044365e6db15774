//! Encryption and keyed digests of what the database must not be able to read.
//!
//! The keys are in a file apart from the database, so a stolen dump reveals no second factor, no emailed link and no
//! session.

mod key_file;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

pub use key_file::{KeyId, digest_only, key_ids};

use crate::reread;

const KEY_LENGTH: usize = 32;
const NONCE_LENGTH: usize = 24;
/// The number of bytes of a key's digest that identify the key in a ciphertext.
const KEY_ID_LENGTH: usize = 4;

/// A digest: SHA-256, or an HMAC with it.
pub type Digest32 = [u8; 32];

/// The reason why the keys cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum EncryptionKeysError {
    /// The file cannot be read.
    #[error("the encryption keys {path} cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A line is not a key, or there is none.
    #[error(
        "{0} has to have one key a line, each 32 random bytes in base64, such as `openssl rand -base64 32` prints, and after the \
         first one perhaps lines that begin with digest:"
    )]
    Invalid(PathBuf),
}

/// The error of decrypting something that was not encrypted with these keys for this purpose.
#[derive(Debug, thiserror::Error)]
#[error("it was not encrypted with one of the configured keys, for this purpose")]
pub struct DecryptError;

/// The encryption keys: the first one encrypts, all of them decrypt. Clones share them, also when they change.
#[derive(Clone)]
pub struct EncryptionKeys(Arc<RwLock<Arc<[Key]>>>);

struct Key {
    id: [u8; KEY_ID_LENGTH],
    /// None for what is left of an old key by [`digest_only`].
    cipher: Option<XChaCha20Poly1305>,
    mac: Hmac<Sha256>,
}

impl EncryptionKeys {
    /// Reads the file. Its text is wiped from memory.
    pub async fn load(path: &Path) -> Result<Self, EncryptionKeysError> {
        Ok(Self::of(read(path).await?))
    }

    fn of(keys: Arc<[Key]>) -> Self {
        Self(Arc::new(RwLock::new(keys)))
    }

    /// Reads the file again whenever it changes, for ever.
    pub async fn follow(self, path: PathBuf) {
        reread::follow("the encryption keys", || self.reload(&path)).await;
    }

    async fn reload(&self, path: &Path) -> Result<(), EncryptionKeysError> {
        let read = read(path).await?;
        if !read.iter().map(|key| key.id).eq(self.keys().iter().map(|key| key.id)) {
            let count = read.len();
            // The old keys are consistent even if another thread panicked.
            *self.0.write().unwrap_or_else(PoisonError::into_inner) = read;
            tracing::info!(count, "the encryption keys have changed: there are {count}");
        }
        Ok(())
    }

    fn keys(&self) -> Arc<[Key]> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Parses the contents of the file. Returns `None` if a line is not a key, or there is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        parse(text).map(Self::of)
    }

    /// Encrypts a secret. `purpose` prevents its use for another purpose, and `owner`, such as a row's id, its use in
    /// another row.
    pub fn encrypt(
        &self,
        purpose: &'static str,
        owner: &[u8],
        secret: &[u8],
    ) -> Result<Vec<u8>, DecryptError> {
        let keys = self.keys();
        let key = keys.first().ok_or(DecryptError)?;
        let nonce = random::<NONCE_LENGTH>().or(Err(DecryptError))?;
        let associated = associated(purpose, owner);
        let cipher = key.cipher.as_ref().ok_or(DecryptError)?;
        let ciphertext = cipher
            .encrypt(&XNonce::from(nonce), Payload { msg: secret, aad: &associated })
            .or(Err(DecryptError))?;
        Ok([&key.id[..], &nonce, &ciphertext].concat())
    }

    /// Decrypts the result of [`EncryptionKeys::encrypt`] for the same purpose and owner.
    pub fn decrypt(
        &self,
        purpose: &'static str,
        owner: &[u8],
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
        let (id, rest) = ciphertext.split_at_checked(KEY_ID_LENGTH).ok_or(DecryptError)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LENGTH>().ok_or(DecryptError)?;
        let keys = self.keys();
        let key = keys.iter().find(|key| key.id == id).ok_or(DecryptError)?;
        let payload = Payload { msg: ciphertext, aad: &associated(purpose, owner) };
        let cipher = key.cipher.as_ref().ok_or(DecryptError)?;
        cipher.decrypt(&XNonce::from(*nonce), payload).map(Zeroizing::new).or(Err(DecryptError))
    }

    /// Computes a digest that only holders of the current key can compute.
    #[must_use]
    pub fn digest(&self, purpose: &'static str, data: &[u8]) -> Digest32 {
        self.digests(purpose, data).next().unwrap_or_default()
    }

    /// Returns the digests with each of the keys, the current one's first, so that a digest from before a change of
    /// keys is among them.
    pub fn digests(&self, purpose: &'static str, data: &[u8]) -> impl Iterator<Item = Digest32> + use<> {
        let (data, keys) = (associated(purpose, data), self.keys());
        (0..keys.len()).filter_map(move |index| {
            let mac = keys.get(index)?.mac.clone();
            Some(mac.chain_update(&data).finalize().into_bytes().into())
        })
    }
}

async fn read(path: &Path) -> Result<Arc<[Key]>, EncryptionKeysError> {
    let text = match tokio::fs::read_to_string(path).await {
        Ok(text) => Zeroizing::new(text),
        Err(source) => return Err(EncryptionKeysError::Unreadable { path: path.to_owned(), source }),
    };
    parse(&text).ok_or_else(|| EncryptionKeysError::Invalid(path.to_owned()))
}

fn parse(text: &str) -> Option<Arc<[Key]>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let keys: Arc<[Key]> = lines.map(Key::parse).collect::<Option<_>>()?;
    // The first key encrypts.
    keys.first()?.cipher.is_some().then_some(keys)
}

impl Key {
    fn parse(line: &str) -> Option<Self> {
        if let Some(digest_key) = line.strip_prefix(key_file::DIGEST_ONLY) {
            let digest_key = decode(digest_key)?;
            let id = *sha256(&*digest_key).first_chunk()?;
            let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&*digest_key).ok()?;
            return Some(Self { id, cipher: None, mac });
        }
        let master = decode(line)?;
        let id = *sha256(&*derive(&master, b"id")?).first_chunk()?;
        let cipher = XChaCha20Poly1305::new_from_slice(&*derive(&master, b"encrypt")?).ok()?;
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&*derive(&master, b"digest")?).ok()?;
        Some(Self { id, cipher: Some(cipher), mac })
    }
}

fn decode(line: &str) -> Option<Zeroizing<[u8; KEY_LENGTH]>> {
    let bytes = Zeroizing::new(BASE64_STANDARD.decode(line).ok()?);
    bytes.as_slice().try_into().ok().map(Zeroizing::new)
}

/// Derives the key of one use, so that no two algorithms share one.
fn derive(master: &[u8; KEY_LENGTH], use_: &[u8]) -> Option<Zeroizing<Digest32>> {
    let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(master).ok()?;
    Some(Zeroizing::new(mac.chain_update(use_).finalize().into_bytes().into()))
}

/// Encodes the two unambiguously.
fn associated(purpose: &str, owner: &[u8]) -> Vec<u8> {
    [purpose.as_bytes(), b"\0", owner].concat()
}

/// Computes a plain digest, for data that is too random to be guessed.
#[must_use]
pub fn sha256(data: &[u8]) -> Digest32 {
    Sha256::digest(data).into()
}

/// Returns random bytes of the operating system.
pub fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(byte: u8) -> String {
        BASE64_STANDARD.encode([byte; KEY_LENGTH])
    }

    #[test]
    fn a_ciphertext_is_bound_to_its_purpose_and_owner() {
        let encryption = EncryptionKeys::parse(&line(1)).unwrap();
        let ciphertext = encryption.encrypt("totp", b"ada", b"secret").unwrap();
        assert_eq!(encryption.decrypt("totp", b"ada", &ciphertext).unwrap().as_slice(), b"secret");
        assert_ne!(
            ciphertext,
            encryption.encrypt("totp", b"ada", b"secret").unwrap(),
            "never the same twice"
        );
        assert!(!ciphertext.windows(6).any(|window| window == b"secret"));
        for (purpose, owner) in [("totp", &b"bob"[..]), ("mail", b"ada"), ("totp", b"")] {
            assert!(encryption.decrypt(purpose, owner, &ciphertext).is_err());
        }
        let mut changed = ciphertext.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert!(encryption.decrypt("totp", b"ada", &changed).is_err());
        for short in [&b""[..], b"abc", &ciphertext[..20]] {
            assert!(encryption.decrypt("totp", b"ada", short).is_err());
        }
    }

    #[test]
    fn a_new_key_in_front_keeps_the_old_one_readable() {
        let old = EncryptionKeys::parse(&line(1)).unwrap();
        let both = EncryptionKeys::parse(&format!("{}\n{}\n\n", line(2), line(1))).unwrap();
        let new = EncryptionKeys::parse(&line(2)).unwrap();
        let ciphertext = old.encrypt("totp", b"", b"secret").unwrap();
        assert!(both.decrypt("totp", b"", &ciphertext).is_ok());
        assert!(new.decrypt("totp", b"", &ciphertext).is_err());
        assert!(new.decrypt("totp", b"", &both.encrypt("totp", b"", b"secret").unwrap()).is_ok());
        assert_eq!(both.digest("x", b"y"), new.digest("x", b"y"));
        assert!(both.digests("x", b"y").any(|digest| digest == old.digest("x", b"y")));
    }

    #[tokio::test]
    async fn clones_use_the_keys_that_the_file_has_now() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("encryption.keys");
        std::fs::write(&path, line(1)).unwrap();
        let encryption = EncryptionKeys::load(&path).await.unwrap();
        let clone = encryption.clone();
        let old = clone.encrypt("totp", b"", b"secret").unwrap();

        std::fs::write(&path, format!("{}\n{}", line(2), line(1))).unwrap();
        encryption.reload(&path).await.unwrap();
        let new = clone.encrypt("totp", b"", b"secret").unwrap();
        assert!(clone.decrypt("totp", b"", &old).is_ok());
        let only_new = EncryptionKeys::parse(&line(2)).unwrap();
        assert!(only_new.decrypt("totp", b"", &new).is_ok());

        // Half a file, as one that is being written, changes nothing.
        std::fs::write(&path, &line(3)[..10]).unwrap();
        assert!(encryption.reload(&path).await.is_err());
        assert!(clone.decrypt("totp", b"", &old).is_ok());
        assert_eq!(clone.digests("x", b"y").count(), 2);
    }

    #[test]
    fn a_file_that_is_not_keys_is_refused() {
        for text in ["", "\n", "short", &BASE64_STANDARD.encode([1; 31]), &format!("{}\nx", line(1))] {
            assert!(EncryptionKeys::parse(text).is_none(), "{text:?}");
        }
    }
}
