//! Calls that a caller may repeat with an idempotency key.

use rowhouse_chassis::idempotency::RepeatError;
use rowhouse_tenancy::TenantContext;
use rowhouse_tokens::Principal;
use uuid::Uuid;

use crate::error::Error;

/// The id of the person or the API key that makes a call. Services make none of those that create something.
pub(super) fn caller(cx: &TenantContext) -> Result<Uuid, Error> {
    match cx.principal() {
        Some(Principal::User { id, .. } | Principal::ApiKey { id, .. }) => Ok(*id),
        Some(Principal::Service { .. }) | None => Err(Error::PeopleOnly),
    }
}

/// Makes a call that recalls an answer or keeps one. If another with the same key is faster, its answer is there by then, and the call
/// is made once more to find it.
pub(super) async fn recalling<T, Fut>(call: impl Fn() -> Fut) -> Result<T, Error>
where
    Fut: Future<Output = Result<T, Error>>,
{
    match call().await {
        Err(Error::Repeat(RepeatError::Taken)) => call().await,
        outcome => outcome,
    }
}
