//! The table `auth.identities`. It is global, with one row per person.

use chrono::{DateTime, Utc};
use diesel::dsl::{exists, now};
use diesel::prelude::*;
use diesel::sql_types::{Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, Transaction};
use uuid::Uuid;

use crate::domain::{EmailAddress, EndReason, PasswordHash, UserId};
use crate::schema::{identities, totp};

/// A person.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) id: UserId,
    pub(crate) email: String,
    /// The hash; `None` until an emailed link has set a password.
    pub(crate) password_hash: Option<PasswordHash>,
    pub(crate) email_verified: bool,
    /// True if an operator has disabled the person, who then cannot log in.
    pub(crate) disabled: bool,
    /// True if the person has an active second factor.
    pub(crate) mfa: bool,
}

type Row = (Uuid, String, Option<String>, Option<DateTime<Utc>>, Option<DateTime<Utc>>, bool);

fn identity((id, email, password_hash, verified, disabled, mfa): Row) -> Identity {
    Identity {
        id: UserId::from(id),
        email,
        password_hash: password_hash.map(PasswordHash::from),
        email_verified: verified.is_some(),
        disabled: disabled.is_some(),
        mfa,
    }
}

macro_rules! find {
    ($tx:ident, $condition:expr) => {{
        let confirmed =
            totp::table.filter(totp::user_id.eq(identities::id)).filter(totp::confirmed_at.is_not_null());
        let found: Vec<Row> = identities::table
            .filter($condition)
            .select((
                identities::id,
                identities::email,
                identities::password_hash,
                identities::email_verified_at,
                identities::disabled_at,
                exists(confirmed),
            ))
            .load($tx)
            .await?;
        found.into_iter().map(identity).collect::<Vec<Identity>>()
    }};
}

/// Returns the person with the address. Of two with different spellings of one address, it is the one who is not
/// disabled, and then the one with the spelling that was typed; `rowhouse migrate` reports such pairs.
pub(crate) async fn find_identity(
    tx: &mut impl Transaction,
    email: &EmailAddress,
) -> Result<Option<Identity>, DbError> {
    let spellings = email.spellings();
    let mut found = find!(tx, identities::email.eq_any(spellings));
    found.sort_by_key(|it| (it.disabled, spellings.iter().position(|spelling| *spelling == it.email)));
    Ok(found.into_iter().next())
}

pub(crate) async fn get_identity(tx: &mut impl Transaction, id: UserId) -> Result<Option<Identity>, DbError> {
    let mut found = find!(tx, identities::id.eq(id.as_uuid()));
    Ok(found.pop())
}

/// Inserts an identity. Returns whether it is new; the address may have one already.
pub(crate) async fn insert_identity(
    tx: &mut impl Transaction,
    id: UserId,
    email: &EmailAddress,
    password_hash: Option<&PasswordHash>,
    verified: bool,
) -> Result<bool, DbError> {
    let verified_at = verified.then(Utc::now);
    let inserted = diesel::insert_into(identities::table)
        .values((
            identities::id.eq(id.as_uuid()),
            identities::email.eq(email.as_str()),
            identities::password_hash.eq(password_hash.map(PasswordHash::as_str)),
            identities::email_verified_at.eq(verified_at),
        ))
        .on_conflict(identities::email)
        .do_nothing()
        .execute(tx)
        .await?;
    Ok(inserted == 1)
}

/// Replaces a person's hash. Returns whether it was still the one that was checked.
pub(crate) async fn replace_hash(
    tx: &mut impl Transaction,
    id: UserId,
    old: &PasswordHash,
    new: &PasswordHash,
) -> Result<bool, DbError> {
    let same = identities::id.eq(id.as_uuid()).and(identities::password_hash.eq(old.as_str()));
    let replaced = diesel::update(identities::table.filter(same))
        .set((identities::password_hash.eq(new.as_str()), identities::updated_at.eq(now)))
        .execute(tx)
        .await?;
    Ok(replaced == 1)
}

/// Sets a person's password.
pub(crate) async fn set_password(
    tx: &mut impl Transaction,
    id: UserId,
    hash: &PasswordHash,
) -> Result<(), DbError> {
    diesel::update(identities::table.filter(identities::id.eq(id.as_uuid())))
        .set((identities::password_hash.eq(hash.as_str()), identities::updated_at.eq(now)))
        .execute(tx)
        .await?;
    Ok(())
}

/// Records that the person receives email at their address. Returns whether that is new.
pub(crate) async fn verify_email(tx: &mut impl Transaction, id: UserId) -> Result<bool, DbError> {
    let unverified = identities::table
        .filter(identities::id.eq(id.as_uuid()))
        .filter(identities::email_verified_at.is_null());
    let verified = diesel::update(unverified)
        .set((identities::email_verified_at.eq(now), identities::updated_at.eq(now)))
        .execute(tx)
        .await?;
    Ok(verified == 1)
}

/// Locks the person: concurrent transactions that begin a session, or create something in the person's name, wait
/// until this one ends, and this call waits for running ones.
pub(crate) async fn lock_identity(tx: &mut impl Transaction, id: UserId) -> Result<(), DbError> {
    let row = identities::table.filter(identities::id.eq(id.as_uuid())).select(identities::id);
    row.for_no_key_update().load::<Uuid>(tx).await?;
    Ok(())
}

/// Ends a person's sessions in all of their tenants, except the one to keep, and records it in each tenant's log. It
/// works across tenants through a function. Returns the number of ended sessions.
pub(crate) async fn end_all_sessions(
    tx: &mut impl Transaction,
    id: UserId,
    reason: EndReason,
    keep: Option<Uuid>,
) -> Result<i32, DbError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Integer)]
        ended: i32,
    }
    let row: Row = diesel::sql_query("SELECT auth.end_sessions_of($1, $2, $3) AS ended")
        .bind::<SqlUuid, _>(id.as_uuid())
        .bind::<Text, _>(reason.as_str())
        .bind::<Nullable<SqlUuid>, _>(keep)
        .get_result(tx)
        .await?;
    Ok(row.ended)
}

/// Revokes what somebody created in the person's name before the person had the account: API keys and invitations in
/// all of its tenants, and records it in each tenant's log. It works across tenants through a function.
pub(crate) async fn revoke_all_grants(tx: &mut impl Transaction, id: UserId) -> Result<(), DbError> {
    diesel::sql_query("SELECT auth.recover_account($1)").bind::<SqlUuid, _>(id.as_uuid()).execute(tx).await?;
    Ok(())
}
