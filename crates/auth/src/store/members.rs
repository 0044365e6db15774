//! The table `auth.memberships`, for administrators.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use rowhouse_chassis::page::PageRequest;
use rowhouse_tenancy::{DbError, TenantTx, of_tenant};
use rowhouse_tokens::Role;
use uuid::Uuid;

use super::memberships::parse_role;
use crate::domain::{EmailAddress, UserId};
use crate::schema::{identities, memberships};

/// A member.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) id: Uuid,
    pub(crate) user: UserId,
    pub(crate) email: String,
    pub(crate) role: Role,
    pub(crate) created_at: DateTime<Utc>,
}

type Row = (Uuid, Uuid, String, String, DateTime<Utc>);

fn member((id, user, email, role, created_at): Row) -> Result<Member, DbError> {
    Ok(Member { id, user: UserId::from(user), email, role: parse_role(&role)?, created_at })
}

/// Returns the members, oldest first.
pub(crate) async fn list_members(
    tx: &mut TenantTx,
    page: &PageRequest<Uuid>,
) -> Result<Vec<Member>, DbError> {
    let mut query = of_tenant(memberships::table, tx.tenant())
        .inner_join(identities::table.on(identities::id.eq(memberships::user_id)))
        .into_boxed();
    if let Some(id) = page.after {
        query = query.filter(memberships::id.gt(id));
    }
    let rows = query
        .order(memberships::id)
        .limit(page.size.and_one())
        .select((
            memberships::id,
            memberships::user_id,
            identities::email,
            memberships::role,
            memberships::created_at,
        ))
        .load::<Row>(tx)
        .await?;
    rows.into_iter().map(member).collect()
}

pub(crate) async fn find_member(tx: &mut TenantTx, id: Uuid) -> Result<Option<Member>, DbError> {
    let found = of_tenant(memberships::table, tx.tenant())
        .inner_join(identities::table.on(identities::id.eq(memberships::user_id)))
        .filter(memberships::id.eq(id))
        .select((
            memberships::id,
            memberships::user_id,
            identities::email,
            memberships::role,
            memberships::created_at,
        ))
        .first::<Row>(tx)
        .await
        .optional()?;
    found.map(member).transpose()
}

/// The largest number of administrators who receive an email.
const MOST_ADMINISTRATORS: i64 = 50;

/// Returns the addresses of administrators who may log in, owners first.
pub(crate) async fn list_administrators(tx: &mut TenantTx) -> Result<Vec<EmailAddress>, DbError> {
    let found: Vec<String> = of_tenant(memberships::table, tx.tenant())
        .inner_join(identities::table.on(identities::id.eq(memberships::user_id)))
        .filter(memberships::role.eq_any([Role::Owner.as_str(), Role::Admin.as_str()]))
        .filter(identities::disabled_at.is_null())
        .order((memberships::role.desc(), memberships::id))
        .limit(MOST_ADMINISTRATORS)
        .select(identities::email)
        .load(tx)
        .await?;
    // All of them were addresses when they were written.
    Ok(found.iter().filter_map(|email| email.parse().ok()).collect())
}

/// Returns whether the address is a member's.
pub(crate) async fn is_member(tx: &mut TenantTx, email: &EmailAddress) -> Result<bool, DbError> {
    let of_address = of_tenant(memberships::table, tx.tenant())
        .inner_join(identities::table.on(identities::id.eq(memberships::user_id)))
        .filter(identities::email.eq_any(email.spellings()));
    Ok(of_address.count().get_result::<i64>(tx).await? > 0)
}

/// Locks the owners' memberships and this one until the transaction ends, and returns the number of owners. Of two
/// transactions that would leave the tenant without an owner, the second sees what the first has done.
pub(crate) async fn lock_with_owners(tx: &mut TenantTx, id: Uuid) -> Result<usize, DbError> {
    let locked: Vec<String> = of_tenant(memberships::table, tx.tenant())
        .filter(memberships::role.eq(Role::Owner.as_str()).or(memberships::id.eq(id)))
        // Always in the same order, so that there is no deadlock.
        .order(memberships::id)
        .select(memberships::role)
        .for_update()
        .load(tx)
        .await?;
    Ok(locked.iter().filter(|role| *role == Role::Owner.as_str()).count())
}

/// Returns and locks a person's membership and role.
pub(crate) async fn lock_member_of(tx: &mut TenantTx, user: UserId) -> Result<Option<(Uuid, Role)>, DbError> {
    let found: Option<(Uuid, String)> = of_tenant(memberships::table, tx.tenant())
        .filter(memberships::user_id.eq(user.as_uuid()))
        .select((memberships::id, memberships::role))
        .for_update()
        .first(tx)
        .await
        .optional()?;
    found.map(|(id, role)| Ok((id, parse_role(&role)?))).transpose()
}

pub(crate) async fn set_role(tx: &mut TenantTx, id: Uuid, role: Role) -> Result<(), DbError> {
    diesel::update(of_tenant(memberships::table, tx.tenant()).filter(memberships::id.eq(id)))
        .set(memberships::role.eq(role.as_str()))
        .execute(tx)
        .await?;
    Ok(())
}

/// Deletes a membership. Returns whether this call did.
pub(crate) async fn delete_member(tx: &mut TenantTx, id: Uuid) -> Result<bool, DbError> {
    let deleted = diesel::delete(of_tenant(memberships::table, tx.tenant()).filter(memberships::id.eq(id)));
    Ok(deleted.execute(tx).await? == 1)
}
