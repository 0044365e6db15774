//! The table `auth.invitations`.

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use rowhouse_chassis::page::PageRequest;
use rowhouse_tenancy::{DbError, TenantTx, lock_count, of_tenant};
use rowhouse_tokens::Role;
use uuid::Uuid;

use super::memberships::parse_role;
use crate::domain::{EmailAddress, UserId};
use crate::encryption::Digest32;
use crate::schema::invitations;

/// An invitation of a tenant's first owner, which the system sends.
pub(crate) struct FoundingInvitation<'a> {
    pub(crate) id: Uuid,
    pub(crate) email: &'a EmailAddress,
    pub(crate) role: Role,
    pub(crate) token: Digest32,
    pub(crate) expires_at: DateTime<Utc>,
}

/// Inserts the invitation unless the address has one, and returns the id of the existing one. The tenant may have
/// been removed since the transaction entered it.
pub(crate) async fn ensure_invitation(
    tx: &mut TenantTx,
    new: FoundingInvitation<'_>,
) -> Result<Uuid, DbError> {
    let tenant = tx.tenant();
    let inserted = diesel::insert_into(invitations::table)
        .values((
            invitations::tenant_id.eq(tenant),
            invitations::id.eq(new.id),
            invitations::email.eq(new.email.as_str()),
            invitations::role.eq(new.role.as_str()),
            invitations::token_digest.eq(new.token.to_vec()),
            invitations::expires_at.eq(new.expires_at),
        ))
        .on_conflict((invitations::tenant_id, invitations::email))
        .do_nothing()
        .execute(tx)
        .await
        .map_err(|error| match DbError::from(error) {
            error if error.constraint() == Some("invitations_tenant_id_fkey") => DbError::UnknownTenant,
            error => error,
        })?;
    if inserted == 1 {
        return Ok(new.id);
    }
    let of_address = of_tenant(invitations::table, tenant).filter(invitations::email.eq(new.email.as_str()));
    Ok(of_address.select(invitations::id).first(tx).await?)
}

/// Returns the id of an address's invitation.
pub(crate) async fn find_invited(tx: &mut TenantTx, email: &EmailAddress) -> Result<Option<Uuid>, DbError> {
    let of_address = of_tenant(invitations::table, tx.tenant()).filter(invitations::email.eq(email.as_str()));
    Ok(of_address.select(invitations::id).first(tx).await.optional()?)
}

/// An invitation that can be accepted.
#[derive(Clone, Debug)]
pub(crate) struct Invitation {
    pub(crate) id: Uuid,
    pub(crate) email: String,
    pub(crate) role: Role,
    pub(crate) invited_by: Option<UserId>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
}

type Row = (Uuid, String, String, Option<Uuid>, DateTime<Utc>, DateTime<Utc>);

fn invitation((id, email, role, invited_by, created_at, expires_at): Row) -> Result<Invitation, DbError> {
    let (role, invited_by) = (parse_role(&role)?, invited_by.map(UserId::from));
    Ok(Invitation { id, email, role, invited_by, created_at, expires_at })
}

macro_rules! columns {
    () => {
        (
            invitations::id,
            invitations::email,
            invitations::role,
            invitations::invited_by,
            invitations::created_at,
            invitations::expires_at,
        )
    };
}

/// An invitation by a member.
pub(crate) struct NewInvitation<'a> {
    pub(crate) id: Uuid,
    pub(crate) email: &'a EmailAddress,
    pub(crate) role: Role,
    pub(crate) token: Digest32,
    pub(crate) invited_by: UserId,
    pub(crate) expires_at: DateTime<Utc>,
}

/// Returns and locks an address's invitation, so that no other transaction replaces it.
pub(crate) async fn lock_invitation(
    tx: &mut TenantTx,
    email: &EmailAddress,
) -> Result<Option<(Uuid, Role)>, DbError> {
    let found: Option<(Uuid, String)> = of_tenant(invitations::table, tx.tenant())
        .filter(invitations::email.eq(email.as_str()))
        .select((invitations::id, invitations::role))
        .for_update()
        .first(tx)
        .await
        .optional()?;
    found.map(|(id, role)| Ok((id, parse_role(&role)?))).transpose()
}

/// Inserts the invitation. Returns `None` if the address got one concurrently.
pub(crate) async fn insert_invitation(
    tx: &mut TenantTx,
    new: &NewInvitation<'_>,
) -> Result<Option<Invitation>, DbError> {
    let row = diesel::insert_into(invitations::table)
        .values((
            invitations::tenant_id.eq(tx.tenant()),
            invitations::id.eq(new.id),
            invitations::email.eq(new.email.as_str()),
            invitations::role.eq(new.role.as_str()),
            invitations::token_digest.eq(new.token.to_vec()),
            invitations::invited_by.eq(new.invited_by.as_uuid()),
            invitations::expires_at.eq(new.expires_at),
        ))
        .on_conflict((invitations::tenant_id, invitations::email))
        .do_nothing()
        .returning(columns!())
        .get_result::<Row>(tx)
        .await
        .optional()?;
    row.map(invitation).transpose()
}

/// Replaces the invitation with this id, whose link becomes invalid.
pub(crate) async fn replace_invitation(
    tx: &mut TenantTx,
    new: &NewInvitation<'_>,
) -> Result<Option<Invitation>, DbError> {
    let same = of_tenant(invitations::table, tx.tenant()).filter(invitations::id.eq(new.id));
    let row = diesel::update(same)
        .set((
            invitations::role.eq(new.role.as_str()),
            invitations::token_digest.eq(new.token.to_vec()),
            invitations::invited_by.eq(new.invited_by.as_uuid()),
            invitations::created_at.eq(now),
            invitations::expires_at.eq(new.expires_at),
        ))
        .returning(columns!())
        .get_result::<Row>(tx)
        .await
        .optional()?;
    row.map(invitation).transpose()
}

/// Returns the number of invitations that can be accepted. Other transactions of the tenant that call this wait until
/// this one ends.
pub(crate) async fn count_pending(tx: &mut TenantTx) -> Result<i64, DbError> {
    lock_count(tx, "auth.invitations").await?;
    let pending = of_tenant(invitations::table, tx.tenant()).filter(invitations::expires_at.gt(now));
    Ok(pending.count().get_result(tx).await?)
}

/// Returns the invitations that can be accepted, newest first.
pub(crate) async fn list_invitations(
    tx: &mut TenantTx,
    page: &PageRequest<(DateTime<Utc>, Uuid)>,
) -> Result<Vec<Invitation>, DbError> {
    let mut query =
        of_tenant(invitations::table, tx.tenant()).filter(invitations::expires_at.gt(now)).into_boxed();
    if let Some((at, id)) = page.after {
        let same = invitations::created_at.eq(at).and(invitations::id.lt(id));
        query = query.filter(invitations::created_at.lt(at).or(same));
    }
    let rows = query
        .order((invitations::created_at.desc(), invitations::id.desc()))
        .limit(page.size.and_one())
        .select(columns!())
        .load::<Row>(tx)
        .await?;
    rows.into_iter().map(invitation).collect()
}

pub(crate) async fn find_invitation(tx: &mut TenantTx, id: Uuid) -> Result<Option<Invitation>, DbError> {
    let found = of_tenant(invitations::table, tx.tenant())
        .filter(invitations::id.eq(id))
        .select(columns!())
        .first::<Row>(tx)
        .await
        .optional()?;
    found.map(invitation).transpose()
}

/// Returns the invitation of this token, if it can be accepted.
pub(crate) async fn find_by_token(
    tx: &mut TenantTx,
    id: Uuid,
    token: Digest32,
) -> Result<Option<Invitation>, DbError> {
    let found = of_tenant(invitations::table, tx.tenant())
        .filter(invitations::id.eq(id))
        .filter(invitations::token_digest.eq(token.to_vec()))
        .filter(invitations::expires_at.gt(now))
        .select(columns!())
        .first::<Row>(tx)
        .await
        .optional()?;
    found.map(invitation).transpose()
}

/// Deletes an invitation. Returns whether this call did, which is true for one of two concurrent calls.
pub(crate) async fn remove_invitation(tx: &mut TenantTx, id: Uuid) -> Result<bool, DbError> {
    let row = of_tenant(invitations::table, tx.tenant()).filter(invitations::id.eq(id));
    Ok(diesel::delete(row).execute(tx).await? == 1)
}

/// Returns and locks the invitations of a person, so that none of them is accepted concurrently.
pub(crate) async fn lock_invitations_of(
    tx: &mut TenantTx,
    sender: UserId,
) -> Result<Vec<Invitation>, DbError> {
    let rows = of_tenant(invitations::table, tx.tenant())
        .filter(invitations::invited_by.eq(sender.as_uuid()))
        .order(invitations::id)
        .select(columns!())
        .for_update()
        .load::<Row>(tx)
        .await?;
    rows.into_iter().map(invitation).collect()
}

pub(crate) async fn remove_invitations(tx: &mut TenantTx, ids: &[Uuid]) -> Result<(), DbError> {
    let rows = of_tenant(invitations::table, tx.tenant()).filter(invitations::id.eq_any(ids));
    diesel::delete(rows).execute(tx).await?;
    Ok(())
}

/// Deletes the invitation of this token, if it can be accepted. Returns whether this call did.
pub(crate) async fn use_up_token(tx: &mut TenantTx, id: Uuid, token: Digest32) -> Result<bool, DbError> {
    let row = of_tenant(invitations::table, tx.tenant())
        .filter(invitations::id.eq(id))
        .filter(invitations::token_digest.eq(token.to_vec()))
        .filter(invitations::expires_at.gt(now));
    Ok(diesel::delete(row).execute(tx).await? == 1)
}
