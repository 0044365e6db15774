//! The directory, `tenancy.tenants`. Its rows are the tenants, so `id` takes the place of `tenant_id`.

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, TenantId, TenantStatus, TenantTx};

use super::onboardings::ProgressRow;
use crate::domain::{NewTenant, Onboarded, Tenant};
use crate::schema::{onboardings, tenants};

/// Creates the transaction's tenant in the status `provisioning`. A taken slug is an error, after which the
/// transaction cannot be used.
pub(crate) async fn create_tenant(tx: &mut TenantTx, new: &NewTenant<'_>) -> Result<(), CreateTenantError> {
    diesel::insert_into(tenants::table)
        .values((
            tenants::id.eq(tx.tenant()),
            tenants::slug.eq(new.slug.as_str()),
            tenants::name.eq(new.name.as_str()),
        ))
        .execute(tx)
        .await
        .map_err(DbError::from)?;
    Ok(())
}

/// The reason why a tenant was not created.
#[derive(Debug)]
pub(crate) enum CreateTenantError {
    SlugTaken,
    Db(DbError),
}

impl From<DbError> for CreateTenantError {
    fn from(error: DbError) -> Self {
        match error.constraint() {
            Some("tenants_slug_key") => Self::SlugTaken,
            _ => Self::Db(error),
        }
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = tenants)]
struct TenantRow {
    id: TenantId,
    name: String,
    slug: String,
    status: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<TenantRow> for Tenant {
    type Error = DbError;

    fn try_from(row: TenantRow) -> Result<Self, DbError> {
        let TenantRow { id, name, slug, status, created_at, updated_at } = row;
        // The column's CHECK has the same four names.
        let status = status.parse().map_err(|error| DieselError::DeserializationError(Box::new(error)))?;
        Ok(Self { id, name, slug, status, created_at, updated_at })
    }
}

/// Activates the transaction's tenant if it is in set-up, and returns it.
pub(crate) async fn activate_tenant(tx: &mut TenantTx) -> Result<Tenant, DbError> {
    let own = tenants::id.eq(tx.tenant());
    let provisioning = tenants::status.eq(TenantStatus::Provisioning.as_str());
    let activated = diesel::update(tenants::table.filter(own.and(provisioning)))
        .set((tenants::status.eq(TenantStatus::Active.as_str()), tenants::updated_at.eq(now)))
        .returning(TenantRow::as_returning())
        .get_result(tx)
        .await
        .optional()?;
    let row = match activated {
        Some(row) => row,
        None => tenants::table.filter(own).select(TenantRow::as_select()).first(tx).await?,
    };
    row.try_into()
}

/// Marks the transaction's tenant as failed. Its slug becomes available; its own one is its id, which nobody can
/// choose as a slug. Returns whether it was in set-up.
pub(crate) async fn fail_tenant(tx: &mut TenantTx) -> Result<bool, DbError> {
    let own = tenants::id.eq(tx.tenant());
    let provisioning = tenants::status.eq(TenantStatus::Provisioning.as_str());
    let failed = diesel::update(tenants::table.filter(own.and(provisioning)))
        .set((
            tenants::status.eq(TenantStatus::Failed.as_str()),
            tenants::slug.eq(tx.tenant().to_string()),
            tenants::updated_at.eq(now),
        ))
        .execute(tx)
        .await?;
    Ok(failed == 1)
}

/// Returns the transaction's tenant, if it exists, with its progress.
pub(crate) async fn find_onboarded(tx: &mut TenantTx) -> Result<Option<Onboarded>, DbError> {
    let found: Option<(TenantRow, Option<ProgressRow>)> = tenants::table
        .left_join(onboardings::table.on(onboardings::tenant_id.eq(tenants::id)))
        .filter(tenants::id.eq(tx.tenant()))
        .select((TenantRow::as_select(), Option::<ProgressRow>::as_select()))
        .first(tx)
        .await
        .optional()?;
    let Some((tenant, progress)) = found else { return Ok(None) };
    Ok(Some(Onboarded { tenant: tenant.try_into()?, progress: progress.map(Into::into) }))
}
