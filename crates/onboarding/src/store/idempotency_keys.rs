//! `onboarding.idempotency_keys`, through its functions: no service role may touch the table.

use diesel::prelude::*;
use diesel::sql_types::{Bytea, Uuid};
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, GlobalTx, TenantId, TenantTx, Transaction};

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

/// A key that was claimed.
#[derive(QueryableByName)]
pub(crate) struct Claimed {
    #[diesel(sql_type = Bytea)]
    fingerprint: Vec<u8>,
    #[diesel(sql_type = Uuid)]
    tenant_id: TenantId,
}

/// What the key was claimed for before, if it was.
pub(crate) async fn find_claimed(tx: &mut GlobalTx, key: &KeyDigest) -> Result<Option<Claimed>, DbError> {
    let claimed = diesel::sql_query("SELECT fingerprint, tenant_id FROM onboarding.find_key($1)")
        .bind::<Bytea, _>(key.as_bytes())
        .get_result(tx)
        .await
        .optional()?;
    Ok(claimed)
}

impl Claimed {
    /// By a request like this one.
    pub(crate) fn is_of(&self, fingerprint: &Fingerprint) -> bool {
        self.fingerprint == fingerprint.as_bytes()
    }

    pub(crate) const fn tenant(&self) -> TenantId {
        self.tenant_id
    }
}

/// Claims the key for a tenant that is about to be created. Waits for whoever is just claiming it.
pub(crate) async fn claim_key(
    tx: &mut TenantTx,
    key: &KeyDigest,
    fingerprint: &Fingerprint,
) -> Result<Claim, DbError> {
    let claim = diesel::sql_query("SELECT fingerprint, tenant_id FROM onboarding.claim_key($1, $2, $3)")
        .bind::<Bytea, _>(key.as_bytes())
        .bind::<Bytea, _>(fingerprint.as_bytes())
        .bind::<Uuid, _>(tx.tenant())
        .get_result::<Claimed>(tx)
        .await
        .optional()?;
    Ok(match claim {
        None => Claim::Released,
        Some(claim) if claim.tenant_id == tx.tenant() => Claim::Ours,
        Some(claim) if claim.is_of(fingerprint) => Claim::Repeat(claim.tenant_id),
        Some(_) => Claim::OtherRequest,
    })
}

/// Gives the key back that was claimed for this tenant.
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
