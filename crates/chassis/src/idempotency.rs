//! Calls that are safe to repeat: whoever sends the same key with the same request again gets the first answer.
//!
//! A service that has such calls keeps their answers in a tenant table `idempotency_keys` of its own schema, and says
//! [`kept_answers!`](crate::kept_answers) in its store. Answers may have secrets in them, which are shown once, so they are kept encrypted.

use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::sealing::{NotOurs, Sealing, sha256};

/// What kept answers are encrypted for.
const PURPOSE: &str = "answers to repeated calls";

/// The caller's name for one call: 1 to 255 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

/// The text is no key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("send 1 to 255 visible ASCII characters, such as a UUID, or leave it out")]
pub struct InvalidIdempotencyKey;

impl IdempotencyKey {
    /// The key as it was sent.
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

/// What tells one request from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The digest of a request's encoding, in which the key must not be.
    #[must_use]
    pub fn of(request: &[u8]) -> Self {
        Self(sha256(request))
    }

    /// The digest.
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
    /// A call of an operation by a caller, with the request's encoding, in which the key must not be. Another caller's, or
    /// another operation's, with the same key is another call: nobody is answered with what somebody else was told.
    #[must_use]
    pub fn new(key: &IdempotencyKey, operation: &'static str, caller: &[u8], request: &[u8]) -> Self {
        let digest = sha256(&[caller, key.as_str().as_bytes()].concat());
        // The blank keeps it apart from any key as it was sent.
        let id = format!("{operation} {}", BASE64_URL_SAFE_NO_PAD.encode(digest));
        Self { id, fingerprint: Fingerprint::of(request) }
    }

    /// The id of its row.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What a repeat's request has to equal.
    #[must_use]
    pub const fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// Encrypts an answer for its row.
    pub fn seal(&self, sealing: &Sealing, tenant: &[u8], answer: &[u8]) -> Result<Vec<u8>, NotOurs> {
        sealing.seal(PURPOSE, &[tenant, self.id.as_bytes()].concat(), answer)
    }

    /// Reads the answer of its row, unless that was to another request.
    pub fn open(
        &self,
        sealing: &Sealing,
        tenant: &[u8],
        (fingerprint, sealed): (&[u8], &[u8]),
    ) -> Result<Vec<u8>, RepeatError> {
        if fingerprint != self.fingerprint.as_bytes() {
            return Err(RepeatError::Reused);
        }
        let answer = sealing.open(PURPOSE, &[tenant, self.id.as_bytes()].concat(), sealed)?;
        Ok(answer.to_vec())
    }
}

/// Why a call with a key has no answer.
#[derive(Debug, thiserror::Error)]
pub enum RepeatError {
    /// The key was used for another request.
    #[error("the idempotency key was used for another request")]
    Reused,
    /// Another call with the key was faster. It is committed by now, so the same call once more finds its answer.
    #[error("another call with the same idempotency key is under way")]
    Taken,
    /// The answer that is kept cannot be decrypted.
    #[error("an answer that was kept for repeats cannot be encrypted or decrypted")]
    Sealing(#[from] NotOurs),
    /// The answer that is kept is not one of this operation.
    #[error("an answer that was kept for repeats cannot be read: {0}")]
    Unreadable(String),
    /// The database did not do its part.
    #[cfg(feature = "db")]
    #[error(transparent)]
    Db(#[from] rowhouse_tenancy::DbError),
}

/// The error of a call, of which a service says whether it is [`RepeatError::Taken`].
pub trait MayBeTaken {
    /// Whether another call with the same key was faster.
    fn is_taken(&self) -> bool;
}

/// Attempts a call once more when another one with its key was faster: the other's answer is there by then.
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
    /// The answer to the caller. `operation` is what the log calls it when the fault is the service's own.
    #[must_use]
    pub fn into_status(self, operation: &'static str) -> tonic::Status {
        use crate::error::{Code, RETRY_AFTER, from_db, internal, retryable, status};
        match self {
            Self::Reused => status(
                Code::IdempotencyKeyReused,
                "this idempotency key was used for another request: take a new key for a new request",
            ),
            Self::Taken => retryable(
                Code::Unavailable,
                "another call with the same idempotency key is under way: try again",
                RETRY_AFTER,
            ),
            Self::Db(error) => from_db(operation, &error),
            error @ (Self::Sealing(_) | Self::Unreadable(_)) => internal(operation, &error),
        }
    }
}

/// Defines, for the diesel table `idempotency_keys` in scope, `recall` and `keep`: what a call with a key begins and ends its
/// transaction with.
#[macro_export]
macro_rules! kept_answers {
    () => {
        /// The first answer to a call, if there was one.
        pub(crate) async fn recall<T: ::prost::Message + Default>(
            tx: &mut ::rowhouse_tenancy::TenantTx,
            sealing: &$crate::sealing::Sealing,
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
            let Some((fingerprint, sealed)) = kept else { return Ok(None) };
            let answer = call.open(sealing, tenant.as_uuid().as_bytes(), (&fingerprint, &sealed))?;
            let unreadable =
                |error: ::prost::DecodeError| $crate::idempotency::RepeatError::Unreadable(error.to_string());
            Ok(Some(T::decode(answer.as_slice()).map_err(unreadable)?))
        }

        /// Keeps the answer to a call, together with what the call did. While another transaction is about to keep one, this
        /// waits for its end.
        pub(crate) async fn keep<T: ::prost::Message>(
            tx: &mut ::rowhouse_tenancy::TenantTx,
            sealing: &$crate::sealing::Sealing,
            call: Option<&$crate::idempotency::Repeatable>,
            answer: &T,
        ) -> Result<(), $crate::idempotency::RepeatError> {
            let Some(call) = call else { return Ok(()) };
            let tenant = tx.tenant();
            let sealed = call.seal(sealing, tenant.as_uuid().as_bytes(), &answer.encode_to_vec())?;
            let kept = ::diesel::insert_into(idempotency_keys::table)
                .values((
                    idempotency_keys::tenant_id.eq(tenant),
                    idempotency_keys::id.eq(call.id()),
                    idempotency_keys::fingerprint.eq(call.fingerprint().as_bytes()),
                    idempotency_keys::response.eq(sealed),
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
        let sealing = Sealing::parse("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=").unwrap();
        let key: IdempotencyKey = "1".parse().unwrap();
        let call = Repeatable::new(&key, "CreateApiKey", b"ada", b"request");
        let sealed = call.seal(&sealing, b"acme", b"secret").unwrap();
        let row = (call.fingerprint().as_bytes(), sealed.as_slice());
        assert_eq!(call.open(&sealing, b"acme", row).unwrap(), b"secret");
        assert!(matches!(call.open(&sealing, b"globex", row), Err(RepeatError::Sealing(_))));
        let other = Repeatable::new(&key, "CreateApiKey", b"ada", b"another");
        assert!(matches!(other.open(&sealing, b"acme", row), Err(RepeatError::Reused)));
    }
}
