//! The table `onboarding.onboardings`: one row for each tenant.

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, TenantTx, of_tenant};
use rowhouse_text::EmailAddress;
use uuid::Uuid;

use crate::domain::{KeyDigest, SetupProgress};
use crate::schema::onboardings;

/// The length to which a reason is truncated.
const LONGEST_FAILURE: usize = 500;

/// The channel on which the end of a set-up is announced, without its tenant.
pub(crate) const ENDED: &str = "onboarding_ended";

#[derive(Queryable, Selectable)]
#[diesel(table_name = onboardings, check_for_backend(Pg))]
pub(super) struct ProgressRow {
    email: String,
    owner_id: Uuid,
    member_proof: Option<Vec<u8>>,
    key_digest: Option<Vec<u8>>,
    created_at: DateTime<Utc>,
    membership_at: Option<DateTime<Utc>>,
    defaults_at: Option<DateTime<Utc>>,
    welcome_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    failure: Option<String>,
}

impl From<ProgressRow> for SetupProgress {
    fn from(row: ProgressRow) -> Self {
        let ProgressRow { email, owner_id, member_proof, key_digest, created_at, .. } = row;
        let ProgressRow { membership_at, defaults_at, welcome_at, finished_at, failure, .. } = row;
        Self {
            email,
            owner_id,
            member_proof,
            key_digest,
            created_at,
            membership_at,
            defaults_at,
            welcome_at,
            finished_at,
            failure,
        }
    }
}

/// An accepted set-up.
pub(crate) struct NewOnboarding<'a> {
    pub(crate) email: &'a EmailAddress,
    pub(crate) owner_id: Uuid,
    pub(crate) member_proof: &'a [u8],
    pub(crate) key: Option<&'a KeyDigest>,
}

pub(crate) async fn insert_onboarding(tx: &mut TenantTx, new: NewOnboarding<'_>) -> Result<(), DbError> {
    diesel::insert_into(onboardings::table)
        .values((
            onboardings::tenant_id.eq(tx.tenant()),
            onboardings::id.eq(Uuid::now_v7()),
            onboardings::email.eq(new.email.as_str()),
            onboardings::owner_id.eq(new.owner_id),
            onboardings::member_proof.eq(new.member_proof),
            onboardings::key_digest.eq(new.key.map(KeyDigest::as_bytes)),
        ))
        .execute(tx)
        .await?;
    Ok(())
}

/// Returns the record of the transaction's tenant.
pub(crate) async fn find_progress(tx: &mut TenantTx) -> Result<Option<SetupProgress>, DbError> {
    let found: Option<ProgressRow> = of_tenant(onboardings::table, tx.tenant())
        .select(ProgressRow::as_select())
        .first(tx)
        .await
        .optional()?;
    Ok(found.map(Into::into))
}

/// Records that auth has the owner or an invitation.
pub(crate) async fn note_membership(tx: &mut TenantTx, owner: Uuid) -> Result<(), DbError> {
    diesel::update(of_tenant(onboardings::table, tx.tenant()))
        .set((
            onboardings::owner_id.eq(owner),
            onboardings::membership_at.eq(now.into_sql::<Timestamptz>().nullable()),
        ))
        .execute(tx)
        .await?;
    Ok(())
}

/// Records that orders has the defaults.
pub(crate) async fn note_defaults(tx: &mut TenantTx) -> Result<(), DbError> {
    diesel::update(of_tenant(onboardings::table, tx.tenant()))
        .set(onboardings::defaults_at.eq(now.into_sql::<Timestamptz>().nullable()))
        .execute(tx)
        .await?;
    Ok(())
}

/// Records that the welcome email was enqueued, which is the last step.
pub(crate) async fn note_success(tx: &mut TenantTx) -> Result<(), DbError> {
    let moment = || now.into_sql::<Timestamptz>().nullable();
    diesel::update(of_tenant(onboardings::table, tx.tenant()))
        .set((
            onboardings::welcome_at.eq(moment()),
            onboardings::finished_at.eq(moment()),
            onboardings::member_proof.eq(None::<Vec<u8>>),
        ))
        .execute(tx)
        .await?;
    announce_end(tx).await
}

/// Records that the tenant will not be set up; its removal is still to be done. Returns whether it was not recorded
/// before.
pub(crate) async fn note_failure(tx: &mut TenantTx, reason: &str) -> Result<bool, DbError> {
    let reason: String = reason.chars().take(LONGEST_FAILURE).collect();
    let unended = onboardings::finished_at.is_null().and(onboardings::failure.is_null());
    let noted = diesel::update(of_tenant(onboardings::table, tx.tenant()).filter(unended))
        .set((onboardings::failure.eq(Some(reason)), onboardings::member_proof.eq(None::<Vec<u8>>)))
        .execute(tx)
        .await?;
    announce_end(tx).await?;
    Ok(noted == 1)
}

/// Records that the removal is done.
pub(crate) async fn note_end_of_failure(tx: &mut TenantTx) -> Result<(), DbError> {
    diesel::update(of_tenant(onboardings::table, tx.tenant()))
        .set(onboardings::finished_at.eq(now.into_sql::<Timestamptz>().nullable()))
        .execute(tx)
        .await?;
    announce_end(tx).await
}

async fn announce_end(tx: &mut TenantTx) -> Result<(), DbError> {
    diesel::sql_query(format!("SELECT pg_notify('{ENDED}', '')")).execute(tx).await?;
    Ok(())
}
