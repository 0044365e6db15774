//! The table `auth.one_time_tokens`. It is global, since the tokens belong to persons.

use std::time::Duration;

use chrono::Utc;
use diesel::dsl::now;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, GlobalTx, Transaction};
use uuid::Uuid;

use crate::domain::{OneTimePurpose, OneTimeToken, UserId, later};
use crate::schema::one_time_tokens;

/// Inserts a token.
pub(crate) async fn insert_token(
    tx: &mut impl Transaction,
    token: &OneTimeToken,
    user: UserId,
    purpose: OneTimePurpose,
    lifetime: Duration,
) -> Result<(), DbError> {
    diesel::insert_into(one_time_tokens::table)
        .values((
            one_time_tokens::digest.eq(token.digest().to_vec()),
            one_time_tokens::user_id.eq(user.as_uuid()),
            one_time_tokens::purpose.eq(purpose.as_str()),
            one_time_tokens::expires_at.eq(later(Utc::now(), lifetime)),
        ))
        .execute(tx)
        .await?;
    Ok(())
}

/// Returns the person of a token while it is valid, without using it up.
pub(crate) async fn find_token(
    tx: &mut impl Transaction,
    token: &OneTimeToken,
    purpose: OneTimePurpose,
) -> Result<Option<UserId>, DbError> {
    let user: Option<Uuid> = one_time_tokens::table
        .filter(one_time_tokens::digest.eq(token.digest().to_vec()))
        .filter(one_time_tokens::purpose.eq(purpose.as_str()))
        .filter(one_time_tokens::expires_at.gt(now))
        .select(one_time_tokens::user_id)
        .first(tx)
        .await
        .optional()?;
    Ok(user.map(UserId::from))
}

/// Uses a token up and returns its person. One of two concurrent calls gets `None`.
pub(crate) async fn consume_token(
    tx: &mut impl Transaction,
    token: &OneTimeToken,
    purpose: OneTimePurpose,
) -> Result<Option<UserId>, DbError> {
    let good = one_time_tokens::table
        .filter(one_time_tokens::digest.eq(token.digest().to_vec()))
        .filter(one_time_tokens::purpose.eq(purpose.as_str()))
        .filter(one_time_tokens::expires_at.gt(now));
    let user: Option<Uuid> =
        diesel::delete(good).returning(one_time_tokens::user_id).get_result(tx).await.optional()?;
    Ok(user.map(UserId::from))
}

/// Invalidates a person's earlier tokens for a purpose.
pub(crate) async fn remove_tokens(
    tx: &mut impl Transaction,
    user: UserId,
    purpose: OneTimePurpose,
) -> Result<(), DbError> {
    let of_person = one_time_tokens::table
        .filter(one_time_tokens::user_id.eq(user.as_uuid()))
        .filter(one_time_tokens::purpose.eq(purpose.as_str()));
    diesel::delete(of_person).execute(tx).await?;
    Ok(())
}

/// Deletes at most `most` expired tokens, and returns their number.
pub(crate) async fn purge_tokens(tx: &mut GlobalTx, most: i64) -> Result<usize, DbError> {
    let old = one_time_tokens::table
        .filter(one_time_tokens::expires_at.lt(now))
        .order(one_time_tokens::expires_at)
        .limit(most)
        .select(one_time_tokens::digest);
    let old: Vec<Vec<u8>> = old.load(tx).await?;
    Ok(diesel::delete(one_time_tokens::table.filter(one_time_tokens::digest.eq_any(old))).execute(tx).await?)
}
