//! `onboarding.idempotency_keys`, through its functions: no service role may touch the table.

use diesel::prelude::*;
use diesel::sql_types::{Bytea, Uuid};
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, GlobalTx, TenantId, Transaction};

use crate::domain::{Fingerprint, KeyDigest};

/// What a key stands for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// The request that is just being made.
    Ours,
    /// An earlier request like this one, for this tenant.
    Repeat(TenantId),
    /// A request that asked for something else.
    OtherRequest,
    /// It was given back while we looked.
    Released,
}

#[derive(QueryableByName)]
struct ClaimRow {
    #[diesel(sql_type = Bytea)]
    fingerprint: Vec<u8>,
    #[diesel(sql_type = Uuid)]
    tenant_id: TenantId,
}

/// Claims the key for a tenant that is about to be created. Waits for whoever is just claiming it.
pub(crate) async fn claim_key(
    tx: &mut GlobalTx,
    key: &KeyDigest,
    fingerprint: &Fingerprint,
    tenant: TenantId,
) -> Result<Claim, DbError> {
    let claim = diesel::sql_query("SELECT fingerprint, tenant_id FROM onboarding.claim_key($1, $2, $3)")
        .bind::<Bytea, _>(key.as_bytes())
        .bind::<Bytea, _>(fingerprint.as_bytes())
        .bind::<Uuid, _>(tenant)
        .get_result::<ClaimRow>(tx)
        .await
        .optional()?;
    Ok(match claim {
        None => Claim::Released,
        Some(claim) if claim.tenant_id == tenant => Claim::Ours,
        Some(claim) if claim.fingerprint != fingerprint.as_bytes() => Claim::OtherRequest,
        Some(claim) => Claim::Repeat(claim.tenant_id),
    })
}

/// Gives the key back that was claimed for this tenant.
pub(crate) async fn release_key(
    tx: &mut impl Transaction,
    key: &KeyDigest,
    tenant: TenantId,
) -> Result<(), DbError> {
    diesel::sql_query("SELECT onboarding.release_key($1, $2)")
        .bind::<Bytea, _>(key.as_bytes())
        .bind::<Uuid, _>(tenant)
        .execute(tx)
        .await?;
    Ok(())
}
