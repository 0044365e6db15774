//! `onboarding.idempotency_keys`, through its functions: no service role may access the table.

use diesel::prelude::*;
use diesel::sql_types::{Bytea, Uuid};
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, GlobalTx, TenantId, TenantTx, Transaction};

use crate::domain::{Fingerprint, KeyDigest};

/// The result of claiming a key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// The key belongs to this request.
    Ours,
    /// An earlier equal request claimed it for this tenant.
    Repeat(TenantId),
    /// A different request claimed it.
    OtherRequest,
    /// It was released concurrently.
    Released,
}

/// A claimed key.
#[derive(QueryableByName)]
pub(crate) struct ClaimedKey {
    #[diesel(sql_type = Bytea)]
    fingerprint: Vec<u8>,
    #[diesel(sql_type = Uuid)]
    tenant_id: TenantId,
}

/// Returns the earlier claim of the key, if there is one.
pub(crate) async fn find_claimed(tx: &mut GlobalTx, key: &KeyDigest) -> Result<Option<ClaimedKey>, DbError> {
    let claimed = diesel::sql_query("SELECT fingerprint, tenant_id FROM onboarding.find_key($1)")
        .bind::<Bytea, _>(key.as_bytes())
        .get_result(tx)
        .await
        .optional()?;
    Ok(claimed)
}

impl ClaimedKey {
    /// Returns whether an equal request claimed it.
    pub(crate) fn is_of(&self, fingerprint: &Fingerprint) -> bool {
        self.fingerprint == fingerprint.as_bytes()
    }

    pub(crate) const fn tenant(&self) -> TenantId {
        self.tenant_id
    }
}

/// Claims the key for a tenant that will be created. Waits for a concurrent claim of the key.
pub(crate) async fn claim_key(
    tx: &mut TenantTx,
    key: &KeyDigest,
    fingerprint: &Fingerprint,
) -> Result<Claim, DbError> {
    let claim = diesel::sql_query("SELECT fingerprint, tenant_id FROM onboarding.claim_key($1, $2, $3)")
        .bind::<Bytea, _>(key.as_bytes())
        .bind::<Bytea, _>(fingerprint.as_bytes())
        .bind::<Uuid, _>(tx.tenant())
        .get_result::<ClaimedKey>(tx)
        .await
        .optional()?;
    Ok(match claim {
        None => Claim::Released,
        Some(claim) if claim.tenant_id == tx.tenant() => Claim::Ours,
        Some(claim) if claim.is_of(fingerprint) => Claim::Repeat(claim.tenant_id),
        Some(_) => Claim::OtherRequest,
    })
}

/// Releases the key of this tenant.
pub(crate) async fn release_key(
    tx: &mut impl Transaction,
    key: &[u8],
    tenant: TenantId,
) -> Result<(), DbError> {
    diesel::sql_query("SELECT onboarding.release_key($1, $2)")
        .bind::<Bytea, _>(key)
        .bind::<Uuid, _>(tenant)
        .execute(tx)
        .await?;
    Ok(())
}
