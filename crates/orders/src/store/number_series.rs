//! The table `orders.number_series`: the last number of a tenant's orders.

use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, TenantTx, of_tenant};

use crate::schema::{number_series, tenants};

const ORDERS: &str = "orders";

/// Creates the series unless it exists.
pub(crate) async fn ensure_series(tx: &mut TenantTx) -> Result<(), DbError> {
    diesel::insert_into(number_series::table)
        .values((
            number_series::tenant_id.eq(tx.tenant()),
            number_series::id.eq(ORDERS),
            number_series::last_number.eq(0),
        ))
        .on_conflict((number_series::tenant_id, number_series::id))
        .do_nothing()
        .execute(tx)
        .await?;
    Ok(())
}

pub(crate) async fn delete_series(tx: &mut TenantTx) -> Result<(), DbError> {
    diesel::delete(of_tenant(number_series::table, tx.tenant()).filter(number_series::id.eq(ORDERS)))
        .execute(tx)
        .await?;
    Ok(())
}

/// Returns whether the tenant is still in set-up.
pub(crate) async fn is_provisioning(tx: &mut TenantTx) -> Result<bool, DbError> {
    let own = tenants::table.filter(tenants::id.eq(tx.tenant())).filter(tenants::status.eq("provisioning"));
    Ok(diesel::select(exists(own)).get_result(tx).await?)
}
