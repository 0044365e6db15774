//! The table `auth.single_letters`: emails that a tenant gets once. It keeps the name that earlier releases use.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, TenantTx, of_tenant};

use crate::schema::single_letters;

/// Claims an email. Returns whether it is to be sent; further calls return `false`.
pub(crate) async fn claim_email(tx: &mut TenantTx, email: &str) -> Result<bool, DbError> {
    let claimed = diesel::insert_into(single_letters::table)
        .values((single_letters::tenant_id.eq(tx.tenant()), single_letters::id.eq(email)))
        .on_conflict((single_letters::tenant_id, single_letters::id))
        .do_nothing()
        .execute(tx)
        .await?;
    Ok(claimed == 1)
}

/// Releases the claim.
pub(crate) async fn release_email(tx: &mut TenantTx, email: &str) -> Result<(), DbError> {
    diesel::delete(of_tenant(single_letters::table, tx.tenant()).filter(single_letters::id.eq(email)))
        .execute(tx)
        .await?;
    Ok(())
}
