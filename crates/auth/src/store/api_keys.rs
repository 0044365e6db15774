//! The table `auth.api_keys`.

use chrono::{DateTime, Utc};
use diesel::dsl::{IntervalDsl, now, sql};
use diesel::expression::SqlLiteral;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable, Timestamptz};
use diesel_async::RunQueryDsl;
use rowhouse_chassis::page::PageRequest;
use rowhouse_tenancy::{DbError, TenantTx, lock_count, of_tenant};
use rowhouse_tokens::{Permission, Role};
use uuid::Uuid;

use super::memberships::parse_role;
use crate::domain::{ApiKeyName, RevokeReason, UserId};
use crate::encryption::Digest32;
use crate::schema::{api_keys, identities, memberships, token_revocations};

/// A key, without the secret.
#[derive(Clone, Debug, Queryable)]
pub(crate) struct ApiKey {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) hint: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) created_by: Uuid,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) last_used_at: Option<DateTime<Utc>>,
    pub(crate) revoked_at: Option<DateTime<Utc>>,
    /// The name of a [`RevokeReason`].
    pub(crate) revoke_reason: Option<String>,
}

macro_rules! columns {
    () => {
        (
            api_keys::id,
            api_keys::name,
            api_keys::hint,
            api_keys::scopes,
            api_keys::created_by,
            api_keys::created_at,
            api_keys::expires_at,
            api_keys::last_used_at,
            api_keys::revoked_at,
            api_keys::revoke_reason,
        )
    };
}

/// A key to be created.
pub(crate) struct NewApiKey<'a> {
    pub(crate) id: Uuid,
    pub(crate) name: &'a ApiKeyName,
    pub(crate) hint: String,
    pub(crate) digest: Digest32,
    pub(crate) scopes: &'a [Permission],
    pub(crate) created_by: UserId,
    pub(crate) expires_at: Option<DateTime<Utc>>,
}

pub(crate) async fn insert_api_key(tx: &mut TenantTx, new: NewApiKey<'_>) -> Result<ApiKey, DbError> {
    let scopes: Vec<&str> = new.scopes.iter().map(|scope| scope.as_str()).collect();
    let row = diesel::insert_into(api_keys::table)
        .values((
            api_keys::tenant_id.eq(tx.tenant()),
            api_keys::id.eq(new.id),
            api_keys::name.eq(new.name.as_str()),
            api_keys::hint.eq(new.hint),
            api_keys::digest.eq(new.digest.to_vec()),
            api_keys::scopes.eq(scopes),
            api_keys::created_by.eq(new.created_by.as_uuid()),
            api_keys::expires_at.eq(new.expires_at),
        ))
        .returning(columns!())
        .get_result(tx)
        .await?;
    Ok(row)
}

/// Returns the number of keys. Other transactions of the tenant that call this wait until this one ends.
pub(crate) async fn count_keys(tx: &mut TenantTx) -> Result<i64, DbError> {
    lock_count(tx, "auth.api_keys").await?;
    Ok(of_tenant(api_keys::table, tx.tenant()).count().get_result(tx).await?)
}

/// Returns the keys, newest first, with expired and revoked ones: they explain why a program has stopped working.
pub(crate) async fn list_api_keys(
    tx: &mut TenantTx,
    page: &PageRequest<Uuid>,
) -> Result<Vec<ApiKey>, DbError> {
    let mut query = of_tenant(api_keys::table, tx.tenant()).into_boxed();
    if let Some(id) = page.after {
        query = query.filter(api_keys::id.lt(id));
    }
    let rows =
        query.order(api_keys::id.desc()).limit(page.size.and_one()).select(columns!()).load(tx).await?;
    Ok(rows)
}

/// Deletes a key and returns its name, if it existed.
pub(crate) async fn delete_api_key(tx: &mut TenantTx, id: Uuid) -> Result<Option<String>, DbError> {
    let key = of_tenant(api_keys::table, tx.tenant()).filter(api_keys::id.eq(id));
    Ok(diesel::delete(key).returning(api_keys::name).get_result(tx).await.optional()?)
}

/// A key of a person, as far as their permissions matter to it.
#[derive(Clone, Debug, Queryable)]
pub(crate) struct OwnedKey {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) scopes: Vec<String>,
}

/// Returns and locks the keys of a person that are not revoked. It waits for access tokens that are being issued for
/// them, and no other is issued until the transaction ends.
pub(crate) async fn lock_keys_of(tx: &mut TenantTx, creator: UserId) -> Result<Vec<OwnedKey>, DbError> {
    let keys = of_tenant(api_keys::table, tx.tenant())
        .filter(api_keys::created_by.eq(creator.as_uuid()))
        .filter(api_keys::revoked_at.is_null())
        .order(api_keys::id)
        .select((api_keys::id, api_keys::name, api_keys::scopes))
        .for_update()
        .load(tx)
        .await?;
    Ok(keys)
}

/// Revokes keys. They are also marked as expired, which earlier versions of this program check.
pub(crate) async fn revoke_keys(
    tx: &mut TenantTx,
    ids: &[Uuid],
    reason: RevokeReason,
) -> Result<(), DbError> {
    let expiry = sql::<Nullable<Timestamptz>>("least(expires_at, now())");
    diesel::update(of_tenant(api_keys::table, tx.tenant()).filter(api_keys::id.eq_any(ids)))
        .set((
            api_keys::revoked_at.eq(now.into_sql::<Timestamptz>().nullable()),
            api_keys::revoke_reason.eq(reason.as_str()),
            api_keys::expires_at.eq(expiry),
        ))
        .execute(tx)
        .await?;
    Ok(())
}

pub(crate) async fn set_scopes(tx: &mut TenantTx, id: Uuid, scopes: &[Permission]) -> Result<(), DbError> {
    let scopes: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
    diesel::update(of_tenant(api_keys::table, tx.tenant()).filter(api_keys::id.eq(id)))
        .set(api_keys::scopes.eq(scopes))
        .execute(tx)
        .await?;
    Ok(())
}

/// The grant of a key.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) scopes: Vec<String>,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    /// The creator's current role, or `None` if they are not a member or disabled.
    pub(crate) creator: Option<Role>,
    /// The time up to which the key's access tokens are refused, in seconds since 1970, or 0.
    pub(crate) refused_until: u64,
    /// True if no use of the key was recorded in the last minute.
    pub(crate) looks_unused: bool,
}

type GrantRow = (Vec<String>, Option<DateTime<Utc>>, Option<String>, Option<DateTime<Utc>>, bool);

/// Returns the condition that no use of a key was recorded in the last minute. Programs exchange their keys often, so that is exact
/// enough.
fn looks_unused() -> SqlLiteral<Bool> {
    sql("(api_keys.last_used_at < now() - interval '1 minute') IS NOT FALSE")
}

/// Returns the grant of the key with this digest, if it has neither expired nor been revoked. A concurrent revocation
/// waits until the transaction ends, and then refuses the access token as well.
pub(crate) async fn find_grant(
    tx: &mut TenantTx,
    id: Uuid,
    digest: Digest32,
) -> Result<Option<Grant>, DbError> {
    let tenant = tx.tenant();
    let creator = of_tenant(memberships::table, tenant)
        .inner_join(identities::table.on(identities::id.eq(memberships::user_id)))
        .filter(memberships::user_id.eq(api_keys::created_by))
        .filter(identities::disabled_at.is_null())
        .select(memberships::role)
        .single_value();
    let refused_until = of_tenant(token_revocations::table, tenant)
        .filter(token_revocations::id.eq(api_keys::id))
        // Not infinity, which cannot be read as a time.
        .filter(token_revocations::issued_until.lt(now.into_sql::<Timestamptz>() + 1.minutes()))
        .select(token_revocations::issued_until)
        .single_value();
    let found: Option<GrantRow> = of_tenant(api_keys::table, tenant)
        .filter(api_keys::id.eq(id))
        .filter(api_keys::digest.eq(digest.to_vec()))
        .filter(api_keys::revoked_at.is_null())
        .filter(
            api_keys::expires_at
                .is_null()
                .or(api_keys::expires_at.gt(now.into_sql::<Timestamptz>().nullable())),
        )
        .select((api_keys::scopes, api_keys::expires_at, creator, refused_until, looks_unused()))
        .for_key_share()
        .first(tx)
        .await
        .optional()?;
    let Some((scopes, expires_at, creator, refused_until, looks_unused)) = found else { return Ok(None) };
    let creator = creator.as_deref().map(parse_role).transpose()?;
    let refused_until = refused_until.and_then(|until| u64::try_from(until.timestamp()).ok()).unwrap_or(0);
    Ok(Some(Grant { scopes, expires_at, creator, refused_until, looks_unused }))
}

/// Records the use of a key, unless a call at the same time has.
pub(crate) async fn touch_api_key(tx: &mut TenantTx, id: Uuid) -> Result<(), DbError> {
    diesel::update(
        of_tenant(api_keys::table, tx.tenant()).filter(api_keys::id.eq(id)).filter(looks_unused()),
    )
    .set(api_keys::last_used_at.eq(now.into_sql::<Timestamptz>().nullable()))
    .execute(tx)
    .await?;
    Ok(())
}
