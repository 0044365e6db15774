//! Idempotent calls: the same key with the same request gets the first answer again.
//!
//! A service with such calls stores their answers in a tenant table `idempotency_keys` of its own schema, and invokes
//! [`kept_answers!`](crate::kept_answers) in its store. Answers can contain secrets that are shown once, so they are
//! stored encrypted.

use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::encryption::{DecryptError, EncryptionKeys, sha256};

/// The purpose for which stored answers are encrypted.
const PURPOSE: &str = "answers to repeated calls";

/// The caller's name for one call: 1 to 255 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

/// The error of parsing a text that is not a key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("send 1 to 255 visible ASCII characters, such as a UUID, or leave it out")]
pub struct InvalidIdempotencyKey;

impl IdempotencyKey {
    /// Returns the key as it was sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
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

/// A digest that distinguishes requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Computes the digest of an encoded request, which must not contain the key.
    #[must_use]
    pub fn of(request: &[u8]) -> Self {
        Self(sha256(request))
    }

    /// Returns the digest.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A call with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeatable {
    id: String,
    fingerprint: Fingerprint,
}

impl Repeatable {
    /// Creates a call of an operation by a caller with an encoded request, which must not contain the key. The same
    /// key of another caller or operation is another call, so nobody gets an answer that was meant for somebody else.
    #[must_use]
    pub fn new(key: &IdempotencyKey, operation: &'static str, caller: &[u8], request: &[u8]) -> Self {
        let digest = sha256(&[caller, key.as_str().as_bytes()].concat());
        // The blank distinguishes it from any key as it was sent.
        let id = format!("{operation} {}", BASE64_URL_SAFE_NO_PAD.encode(digest));
        Self { id, fingerprint: Fingerprint::of(request) }
    }

    /// Returns the id of its row.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the fingerprint that a repeat must have.
    #[must_use]
    pub const fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// Encrypts an answer for its row.
    pub fn encrypt(
        &self,
        encryption: &EncryptionKeys,
        tenant: &[u8],
        answer: &[u8],
    ) -> Result<Vec<u8>, DecryptError> {
        encryption.encrypt(PURPOSE, &[tenant, self.id.as_bytes()].concat(), answer)
    }

    /// Decrypts the answer of its row, unless it belongs to another request.
    pub fn decrypt(
        &self,
        encryption: &EncryptionKeys,
        tenant: &[u8],
        (fingerprint, ciphertext): (&[u8], &[u8]),
    ) -> Result<Vec<u8>, RepeatError> {
        if fingerprint != self.fingerprint.as_bytes() {
            return Err(RepeatError::Reused);
        }
        let answer = encryption.decrypt(PURPOSE, &[tenant, self.id.as_bytes()].concat(), ciphertext)?;
        Ok(answer.to_vec())
    }
}

/// The reason why a call with a key has no answer.
#[derive(Debug, thiserror::Error)]
pub enum RepeatError {
    /// The key was used for another request.
    #[error("the idempotency key was used for another request")]
    Reused,
    /// A concurrent call with the key was faster. It has been committed, so the same call finds its answer if it is
    /// repeated.
    #[error("another call with the same idempotency key is under way")]
    Taken,
    /// The stored answer cannot be decrypted.
    #[error("a stored answer cannot be encrypted or decrypted")]
    Decrypt(#[from] DecryptError),
    /// The stored answer does not belong to this operation.
    #[error("a stored answer cannot be read: {0}")]
    Unreadable(String),
    /// The database failed.
    #[cfg(feature = "db")]
    #[error(transparent)]
    Db(#[from] rowhouse_tenancy::DbError),
}

/// The error of a call, of which a service says whether it is [`RepeatError::Taken`].
pub trait MayBeTaken {
    /// Returns whether another call with the same key was faster.
    fn is_taken(&self) -> bool;
}

/// Repeats a call once if a concurrent one with its key was faster, whose answer exists by then.
pub async fn answered_once<T, E: MayBeTaken, F: Future<Output = Result<T, E>>>(
    attempt: impl Fn() -> F,
) -> Result<T, E> {
    match attempt().await {
        Err(error) if error.is_taken() => attempt().await,
        outcome => outcome,
    }
}

#[cfg(feature = "db")]
impl RepeatError {
    /// Returns the answer to the caller. `operation` is the name in the log if the fault is internal.
    #[must_use]
    pub fn into_status(self, operation: &'static str) -> tonic::Status {
        use crate::error::{Code, RETRY_AFTER, from_db, internal, retryable, status};
        match self {
            Self::Reused => status(
                Code::IDEMPOTENCY_KEY_REUSED,
                "this idempotency key was used for another request: use a new key for a new request",
            ),
            Self::Taken => retryable(
                Code::UNAVAILABLE,
                "another call with the same idempotency key is under way: try again",
                RETRY_AFTER,
            ),
            Self::Db(error) => from_db(operation, &error),
            error @ (Self::Decrypt(_) | Self::Unreadable(_)) => internal(operation, &error),
        }
    }
}

/// Defines `recall` and `keep` for the diesel table `idempotency_keys` in scope. A call with a key begins its
/// transaction with the former and ends it with the latter.
#[macro_export]
macro_rules! kept_answers {
    () => {
        /// Returns the first answer to a call, if there is one.
        pub(crate) async fn recall<T: ::prost::Message + Default>(
            tx: &mut ::rowhouse_tenancy::TenantTx,
            encryption: &$crate::encryption::EncryptionKeys,
            call: Option<&$crate::idempotency::Repeatable>,
        ) -> Result<Option<T>, $crate::idempotency::RepeatError> {
            let Some(call) = call else { return Ok(None) };
            let tenant = tx.tenant();
            let kept: Option<(Vec<u8>, Vec<u8>)> =
                ::rowhouse_tenancy::of_tenant(idempotency_keys::table, tenant)
                    .filter(idempotency_keys::id.eq(call.id()))
                    .select((idempotency_keys::fingerprint, idempotency_keys::response))
                    .first(tx)
                    .await
                    .optional()
                    .map_err(::rowhouse_tenancy::DbError::from)?;
            let Some((fingerprint, ciphertext)) = kept else { return Ok(None) };
            let answer =
                call.decrypt(encryption, tenant.as_uuid().as_bytes(), (&fingerprint, &ciphertext))?;
            let unreadable =
                |error: ::prost::DecodeError| $crate::idempotency::RepeatError::Unreadable(error.to_string());
            Ok(Some(T::decode(answer.as_slice()).map_err(unreadable)?))
        }

        /// Stores the answer to a call, in the transaction of its work. Waits for a concurrent transaction that
        /// stores one.
        pub(crate) async fn keep<T: ::prost::Message>(
            tx: &mut ::rowhouse_tenancy::TenantTx,
            encryption: &$crate::encryption::EncryptionKeys,
            call: Option<&$crate::idempotency::Repeatable>,
            answer: &T,
        ) -> Result<(), $crate::idempotency::RepeatError> {
            let Some(call) = call else { return Ok(()) };
            let tenant = tx.tenant();
            let ciphertext =
                call.encrypt(encryption, tenant.as_uuid().as_bytes(), &answer.encode_to_vec())?;
            let kept = ::diesel::insert_into(idempotency_keys::table)
                .values((
                    idempotency_keys::tenant_id.eq(tenant),
                    idempotency_keys::id.eq(call.id()),
                    idempotency_keys::fingerprint.eq(call.fingerprint().as_bytes()),
                    idempotency_keys::response.eq(ciphertext),
                ))
                .on_conflict((idempotency_keys::tenant_id, idempotency_keys::id))
                .do_nothing()
                .execute(tx)
                .await
                .map_err(::rowhouse_tenancy::DbError::from)?;
            if kept == 1 { Ok(()) } else { Err($crate::idempotency::RepeatError::Taken) }
        }
    };
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

    #[test]
    fn a_call_is_one_callers_and_one_operations() {
        let key: IdempotencyKey = "1".parse().unwrap();
        let call = |operation, caller: &[u8]| Repeatable::new(&key, operation, caller, b"request").id;
        let ada = call("CreateExport", b"ada");
        assert_eq!(ada, call("CreateExport", b"ada"));
        assert_ne!(ada, call("CreateExport", b"bob"));
        assert_ne!(ada, call("CreateApiKey", b"ada"));
        assert!(ada.parse::<IdempotencyKey>().is_err(), "it is no key as one is sent");
    }

    #[test]
    fn an_answer_is_for_the_same_request_in_the_same_tenant() {
        let encryption = EncryptionKeys::parse("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=").unwrap();
        let key: IdempotencyKey = "1".parse().unwrap();
        let call = Repeatable::new(&key, "CreateApiKey", b"ada", b"request");
        let ciphertext = call.encrypt(&encryption, b"acme", b"secret").unwrap();
        let row = (call.fingerprint().as_bytes(), ciphertext.as_slice());
        assert_eq!(call.decrypt(&encryption, b"acme", row).unwrap(), b"secret");
        assert!(matches!(call.decrypt(&encryption, b"globex", row), Err(RepeatError::Decrypt(_))));
        let other = Repeatable::new(&key, "CreateApiKey", b"ada", b"another");
        assert!(matches!(other.decrypt(&encryption, b"acme", row), Err(RepeatError::Reused)));
    }
}
