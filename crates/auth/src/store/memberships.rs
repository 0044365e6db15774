//! The table `auth.memberships`: a tenant's members.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, GlobalTx, TenantId, TenantTx, Transaction, lock_count, of_tenant};
use rowhouse_tokens::Role;
use uuid::Uuid;

use crate::domain::{ActiveMembership, PasswordHash, UserId};
use crate::schema::{identities, memberships, tenants};

#[derive(QueryableByName)]
struct ActiveMembershipRow {
    #[diesel(sql_type = SqlUuid)]
    tenant_id: TenantId,
    #[diesel(sql_type = Text)]
    slug: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    role: String,
}

/// Returns the tenants that a person can log in to. It works across tenants through a function.
pub(crate) async fn list_active_memberships(
    tx: &mut GlobalTx,
    user: UserId,
) -> Result<Vec<ActiveMembership>, DbError> {
    let rows = diesel::sql_query("SELECT tenant_id, slug, name, role FROM auth.memberships_of($1)")
        .bind::<SqlUuid, _>(user.as_uuid())
        .load::<ActiveMembershipRow>(tx)
        .await?;
    rows.into_iter()
        .map(|ActiveMembershipRow { tenant_id: tenant, slug, name, role }| {
            Ok(ActiveMembership { tenant, slug, name, role: parse_role(&role)? })
        })
        .collect()
}

/// Adds a member and returns the membership's id, or `None` if the person is one already. The tenant may have been
/// removed since the transaction entered it.
pub(crate) async fn add_membership(
    tx: &mut TenantTx,
    user: UserId,
    role: Role,
) -> Result<Option<Uuid>, DbError> {
    let id = Uuid::now_v7();
    let inserted = diesel::insert_into(memberships::table)
        .values((
            memberships::tenant_id.eq(tx.tenant()),
            memberships::id.eq(id),
            memberships::user_id.eq(user.as_uuid()),
            memberships::role.eq(role.as_str()),
        ))
        .on_conflict((memberships::tenant_id, memberships::user_id))
        .do_nothing()
        .execute(tx)
        .await
        .map_err(|error| match DbError::from(error) {
            error if error.constraint() == Some("memberships_tenant_id_fkey") => DbError::UnknownTenant,
            error => error,
        })?;
    Ok((inserted == 1).then_some(id))
}

/// Returns the number of members. Other transactions of the tenant that call this wait until this one ends.
pub(crate) async fn count_members(tx: &mut TenantTx) -> Result<i64, DbError> {
    lock_count(tx, "auth.memberships").await?;
    Ok(of_tenant(memberships::table, tx.tenant()).count().get_result(tx).await?)
}

/// Returns the number of tenants that a person is a member of. Other transactions that call this for the person wait
/// until this one ends. It works across tenants through a function.
pub(crate) async fn count_tenants_of(tx: &mut impl Transaction, user: UserId) -> Result<i64, DbError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        tenants: i64,
    }
    let row: Row = diesel::sql_query("SELECT auth.count_tenants_of($1) AS tenants")
        .bind::<SqlUuid, _>(user.as_uuid())
        .get_result(tx)
        .await?;
    Ok(row.tenants)
}

/// Adds a member unless the person is one, and returns the current role.
pub(crate) async fn ensure_membership(tx: &mut TenantTx, user: UserId, role: Role) -> Result<Role, DbError> {
    let tenant = tx.tenant();
    if add_membership(tx, user, role).await?.is_some() {
        return Ok(role);
    }
    let role: String = of_tenant(memberships::table, tenant)
        .filter(memberships::user_id.eq(user.as_uuid()))
        .select(memberships::role)
        .first(tx)
        .await?;
    parse_role(&role)
}

/// Returns a member's current role, or `None` for somebody who is not a member or disabled.
pub(crate) async fn find_active_role(tx: &mut TenantTx, user: UserId) -> Result<Option<Role>, DbError> {
    let role: Option<String> = of_tenant(memberships::table, tx.tenant())
        .inner_join(identities::table.on(identities::id.eq(memberships::user_id)))
        .filter(memberships::user_id.eq(user.as_uuid()))
        .filter(identities::disabled_at.is_null())
        .select(memberships::role)
        .first(tx)
        .await
        .optional()?;
    role.as_deref().map(parse_role).transpose()
}

/// Returns a member's current role and locks it until the transaction ends, as well as the fact that the person is
/// not disabled. Returns `None` for somebody who is not a member or disabled. A concurrent change has either ended,
/// or waits and then finds what this transaction created.
pub(crate) async fn lock_role(tx: &mut TenantTx, user: UserId) -> Result<Option<Role>, DbError> {
    Ok(lock_member(tx, user).await?.map(|(role, _)| role))
}

/// Does the same, and also returns and locks the hash of the person's password.
pub(crate) async fn lock_member(
    tx: &mut TenantTx,
    user: UserId,
) -> Result<Option<(Role, Option<PasswordHash>)>, DbError> {
    let held: Option<(String, Option<String>)> = of_tenant(memberships::table, tx.tenant())
        .inner_join(identities::table.on(identities::id.eq(memberships::user_id)))
        .filter(memberships::user_id.eq(user.as_uuid()))
        .filter(identities::disabled_at.is_null())
        .select((memberships::role, identities::password_hash))
        .for_share()
        .first(tx)
        .await
        .optional()?;
    held.map(|(role, hash)| Ok((parse_role(&role)?, hash.map(PasswordHash::from)))).transpose()
}

/// A member, as they see themselves.
pub(crate) struct Me {
    pub(crate) email: String,
    pub(crate) email_verified: bool,
    pub(crate) tenant_slug: String,
    pub(crate) tenant_name: String,
    pub(crate) role: Role,
}

pub(crate) async fn find_me(tx: &mut TenantTx, user: UserId) -> Result<Option<Me>, DbError> {
    let found = of_tenant(memberships::table, tx.tenant())
        .inner_join(identities::table.on(identities::id.eq(memberships::user_id)))
        .inner_join(tenants::table.on(tenants::id.eq(memberships::tenant_id)))
        .filter(memberships::user_id.eq(user.as_uuid()))
        .select((
            identities::email,
            identities::email_verified_at.is_not_null(),
            tenants::slug,
            tenants::name,
            memberships::role,
        ))
        .first::<(String, bool, String, String, String)>(tx)
        .await
        .optional()?;
    let Some((email, email_verified, tenant_slug, tenant_name, role)) = found else { return Ok(None) };
    Ok(Some(Me { email, email_verified, tenant_slug, tenant_name, role: parse_role(&role)? }))
}

/// Parses a role. The column's CHECK has the same four names.
pub(super) fn parse_role(text: &str) -> Result<Role, DbError> {
    text.parse().map_err(|error| diesel::result::Error::DeserializationError(Box::new(error)).into())
}

/// Returns whether the tenant is still in set-up.
pub(crate) async fn is_provisioning(tx: &mut TenantTx) -> Result<bool, DbError> {
    let status: String =
        tenants::table.filter(tenants::id.eq(tx.tenant())).select(tenants::status).first(tx).await?;
    Ok(status == "provisioning")
}

/// Returns the name and the slug of the transaction's tenant.
pub(crate) async fn tenant_name_and_slug(tx: &mut TenantTx) -> Result<(String, String), DbError> {
    let own = tenants::id.eq(tx.tenant().as_uuid());
    Ok(tenants::table.filter(own).select((tenants::name, tenants::slug)).first(tx).await?)
}

/// Returns the name of the transaction's tenant.
pub(crate) async fn tenant_name(tx: &mut TenantTx) -> Result<String, DbError> {
    let own = tenants::id.eq(tx.tenant().as_uuid());
    Ok(tenants::table.filter(own).select(tenants::name).first(tx).await?)
}
