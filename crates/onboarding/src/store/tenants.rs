//! The directory, `tenancy.tenants`. A tenant's row is its own id's, so the id takes the place of
//! `tenant_id`.

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::{Text, Uuid};
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, GlobalTx, TenantId, TenantTx};

use crate::domain::{NewTenant, Tenant, TenantStatus};
use crate::schema::tenants;

/// Creates a tenant in the status `provisioning`. A slug that is taken is an error, and nothing else can be
/// done in the transaction.
pub(crate) async fn create_tenant(tx: &mut GlobalTx, new: NewTenant<'_>) -> Result<(), CreateTenantError> {
    diesel::sql_query("SELECT tenancy.create_tenant($1, $2, $3)")
        .bind::<Uuid, _>(new.id)
        .bind::<Text, _>(new.slug.as_str())
        .bind::<Text, _>(new.name.as_str())
        .execute(tx)
        .await
        .map_err(DbError::from)?;
    Ok(())
}

/// Why a tenant was not created.
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
}

impl TryFrom<TenantRow> for Tenant {
    type Error = DbError;

    fn try_from(TenantRow { id, name, slug, status, created_at }: TenantRow) -> Result<Self, DbError> {
        // The column's CHECK knows the same three names.
        let status = status.parse().map_err(|error| DieselError::DeserializationError(Box::new(error)))?;
        Ok(Self { id, name, slug, status, created_at })
    }
}

/// Activates the transaction's tenant if it is being set up, and returns it as it is then.
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

/// Removes the transaction's tenant, which is still being set up and has no members. Any other tenant is an
/// error, and nothing else can be done in the transaction.
pub(crate) async fn remove_provisioning_tenant(tx: &mut TenantTx) -> Result<(), RemoveTenantError> {
    let own = tenants::id.eq(tx.tenant());
    let provisioning = tenants::status.eq(TenantStatus::Provisioning.as_str());
    let removed = diesel::delete(tenants::table.filter(own.and(provisioning))).execute(tx).await;
    match removed {
        Ok(0) => {}
        Ok(_) => return Ok(()),
        Err(DieselError::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _)) => {
            return Err(RemoveTenantError::HasMembers);
        }
        Err(error) => return Err(DbError::from(error).into()),
    }
    // Entered before, it may be gone by now.
    let left: i64 = tenants::table.filter(own).count().get_result(tx).await.map_err(DbError::from)?;
    Err(if left == 0 { DbError::UnknownTenant.into() } else { RemoveTenantError::SetUp })
}

/// Why a tenant was not removed.
#[derive(Debug)]
pub(crate) enum RemoveTenantError {
    /// Somebody completed it.
    SetUp,
    /// It wants only its activation.
    HasMembers,
    Db(DbError),
}

impl From<DbError> for RemoveTenantError {
    fn from(error: DbError) -> Self {
        Self::Db(error)
    }
}
