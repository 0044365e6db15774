//! The table `auth.api_keys`.

use chrono::{DateTime, Utc};
use diesel::dsl::{IntervalDsl, now};
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, TenantTx, of_tenant};
use rowhouse_tokens::Permission;
use uuid::Uuid;

use crate::domain::{ApiKeyName, PageRequest, Place, UserId};
use crate::schema::api_keys;
use crate::sealing::Digest32;

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
        )
    };
}

/// A key that is made.
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

/// Newest first, those that have expired too: a person wants to see why a program has stopped working.
pub(crate) async fn list_api_keys(tx: &mut TenantTx, page: &PageRequest) -> Result<Vec<ApiKey>, DbError> {
    let mut query = of_tenant(api_keys::table, tx.tenant()).into_boxed();
    if let Some(Place { id, .. }) = page.behind {
        query = query.filter(api_keys::id.lt(id));
    }
    let rows =
        query.order(api_keys::id.desc()).limit(page.size.and_one()).select(columns!()).load(tx).await?;
    Ok(rows)
}

/// Removes it, and says its name if there was one.
pub(crate) async fn delete_api_key(tx: &mut TenantTx, id: Uuid) -> Result<Option<String>, DbError> {
    let key = of_tenant(api_keys::table, tx.tenant()).filter(api_keys::id.eq(id));
    Ok(diesel::delete(key).returning(api_keys::name).get_result(tx).await.optional()?)
}

/// What a key is good for.
#[derive(Clone, Debug, Queryable)]
pub(crate) struct Grant {
    pub(crate) scopes: Vec<String>,
    pub(crate) expires_at: Option<DateTime<Utc>>,
}

/// What the key with this digest is good for, if it has not expired.
pub(crate) async fn find_grant(
    tx: &mut TenantTx,
    id: Uuid,
    digest: Digest32,
) -> Result<Option<Grant>, DbError> {
    let found = of_tenant(api_keys::table, tx.tenant())
        .filter(api_keys::id.eq(id))
        .filter(api_keys::digest.eq(digest.to_vec()))
        .filter(
            api_keys::expires_at
                .is_null()
                .or(api_keys::expires_at.gt(now.into_sql::<Timestamptz>().nullable())),
        )
        .select((api_keys::scopes, api_keys::expires_at))
        .first(tx)
        .await;
    Ok(found.optional()?)
}

/// Notes that the key was used, once a minute at most: programs ask often, and a row is not for counting.
pub(crate) async fn touch_api_key(tx: &mut TenantTx, id: Uuid) -> Result<(), DbError> {
    let a_minute_ago = now.into_sql::<Timestamptz>() - 1.minutes();
    let stale = api_keys::last_used_at.is_null().or(api_keys::last_used_at.lt(a_minute_ago.nullable()));
    diesel::update(of_tenant(api_keys::table, tx.tenant()).filter(api_keys::id.eq(id)).filter(stale))
        .set(api_keys::last_used_at.eq(now.into_sql::<Timestamptz>().nullable()))
        .execute(tx)
        .await?;
    Ok(())
}
