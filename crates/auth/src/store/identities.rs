//! The table `auth.identities`: global, one row a person.

use diesel::dsl::now;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, GlobalTx, Transaction};
use uuid::Uuid;

use crate::domain::{EmailAddress, PasswordHash, UserId};
use crate::schema::identities;

/// What is needed to recognise a person.
#[derive(Queryable, Selectable)]
#[diesel(table_name = identities)]
pub(crate) struct IdentityRow {
    #[diesel(deserialize_as = Uuid)]
    pub(crate) id: UserId,
    #[diesel(deserialize_as = String)]
    pub(crate) password_hash: PasswordHash,
}

pub(crate) async fn find_identity(
    tx: &mut GlobalTx,
    email: &EmailAddress,
) -> Result<Option<IdentityRow>, DbError> {
    let found = identities::table
        .filter(identities::email.eq(email.as_str()))
        .select(IdentityRow::as_select())
        .first(tx)
        .await;
    Ok(found.optional()?)
}

/// Says whether the identity is new; the address may have one already.
pub(crate) async fn insert_identity(
    tx: &mut impl Transaction,
    id: UserId,
    email: &EmailAddress,
    password_hash: &PasswordHash,
) -> Result<bool, DbError> {
    let inserted = diesel::insert_into(identities::table)
        .values((
            identities::id.eq(id.as_uuid()),
            identities::email.eq(email.as_str()),
            identities::password_hash.eq(password_hash.as_str()),
        ))
        .on_conflict(identities::email)
        .do_nothing()
        .execute(tx)
        .await?;
    Ok(inserted == 1)
}

/// Replaces the hash of the same password, unless somebody was faster.
pub(crate) async fn replace_hash(
    tx: &mut GlobalTx,
    id: UserId,
    old: &PasswordHash,
    new: &PasswordHash,
) -> Result<(), DbError> {
    let same = identities::id.eq(id.as_uuid()).and(identities::password_hash.eq(old.as_str()));
    diesel::update(identities::table.filter(same))
        .set((identities::password_hash.eq(new.as_str()), identities::updated_at.eq(now)))
        .execute(tx)
        .await?;
    Ok(())
}
