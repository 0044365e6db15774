//! The tables `auth.totp` and `auth.recovery_codes`. They are global, since a person has one second factor for all
//! tenants.

use diesel::dsl::{exists, now, select};
use diesel::prelude::*;
use diesel::query_dsl::methods;
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, Transaction};

use crate::domain::UserId;
use crate::encryption::Digest32;
use crate::schema::{identities, recovery_codes, totp};

/// A person's second factor.
#[derive(Queryable)]
pub(crate) struct Totp {
    pub(crate) encrypted_secret: Vec<u8>,
    /// True if it is active.
    pub(crate) confirmed: bool,
    /// The person's address.
    pub(crate) email: String,
}

pub(crate) async fn find_totp(tx: &mut impl Transaction, user: UserId) -> Result<Option<Totp>, DbError> {
    let found = totp::table
        .inner_join(identities::table.on(identities::id.eq(totp::user_id)))
        .filter(totp::user_id.eq(user.as_uuid()))
        .select((totp::sealed_secret, totp::confirmed_at.is_not_null(), identities::email))
        .first(tx)
        .await
        .optional()?;
    Ok(found)
}

/// Returns whether the person has an active second factor.
pub(crate) async fn has_confirmed_totp(tx: &mut impl Transaction, user: UserId) -> Result<bool, DbError> {
    let confirmed =
        totp::table.filter(totp::user_id.eq(user.as_uuid())).filter(totp::confirmed_at.is_not_null());
    Ok(select(exists(confirmed)).get_result(tx).await?)
}

/// Stores an unconfirmed secret in place of an earlier one. Returns `false` if there is an active one, which stays.
pub(crate) async fn put_unconfirmed_totp(
    tx: &mut impl Transaction,
    user: UserId,
    encrypted_secret: &[u8],
) -> Result<bool, DbError> {
    let put = diesel::insert_into(totp::table)
        .values((totp::user_id.eq(user.as_uuid()), totp::sealed_secret.eq(encrypted_secret)))
        .on_conflict(totp::user_id)
        .do_update()
        .set((totp::sealed_secret.eq(encrypted_secret), totp::last_step.eq(0), totp::created_at.eq(now)));
    let unless_confirmed = methods::FilterDsl::filter(put, totp::confirmed_at.is_null());
    Ok(unless_confirmed.execute(tx).await? == 1)
}

/// Activates the secret and records the step of the code. Returns whether it existed and was not active.
pub(crate) async fn confirm_totp(
    tx: &mut impl Transaction,
    user: UserId,
    encrypted_secret: &[u8],
    step: i64,
) -> Result<bool, DbError> {
    let unconfirmed = totp::table
        .filter(totp::user_id.eq(user.as_uuid()))
        .filter(totp::sealed_secret.eq(encrypted_secret))
        .filter(totp::confirmed_at.is_null());
    let confirmed = diesel::update(unconfirmed)
        .set((totp::confirmed_at.eq(now), totp::last_step.eq(step)))
        .execute(tx)
        .await?;
    Ok(confirmed == 1)
}

/// Uses up the code of a step, and those of all earlier steps. Returns whether it was valid, which is true for one of
/// two concurrent calls.
pub(crate) async fn take_step(
    tx: &mut impl Transaction,
    user: UserId,
    encrypted_secret: &[u8],
    step: i64,
) -> Result<bool, DbError> {
    let unused = totp::table
        .filter(totp::user_id.eq(user.as_uuid()))
        .filter(totp::sealed_secret.eq(encrypted_secret))
        .filter(totp::confirmed_at.is_not_null())
        .filter(totp::last_step.lt(step));
    let taken = diesel::update(unused).set(totp::last_step.eq(step)).execute(tx).await?;
    Ok(taken == 1)
}

/// Deletes a person's second factor with its recovery codes.
pub(crate) async fn delete_totp(tx: &mut impl Transaction, user: UserId) -> Result<(), DbError> {
    diesel::delete(totp::table.filter(totp::user_id.eq(user.as_uuid()))).execute(tx).await?;
    Ok(())
}

pub(crate) async fn insert_recovery_codes(
    tx: &mut impl Transaction,
    user: UserId,
    digests: &[Digest32],
) -> Result<(), DbError> {
    let rows: Vec<_> = digests
        .iter()
        .map(|digest| (recovery_codes::user_id.eq(user.as_uuid()), recovery_codes::digest.eq(&digest[..])))
        .collect();
    diesel::insert_into(recovery_codes::table).values(rows).execute(tx).await?;
    Ok(())
}

/// Uses up a recovery code. Returns whether it existed, which is true for one of two concurrent calls.
pub(crate) async fn take_recovery_code(
    tx: &mut impl Transaction,
    user: UserId,
    digest: Digest32,
) -> Result<bool, DbError> {
    let code = recovery_codes::table
        .filter(recovery_codes::user_id.eq(user.as_uuid()))
        .filter(recovery_codes::digest.eq(digest.to_vec()));
    Ok(diesel::delete(code).execute(tx).await? == 1)
}
