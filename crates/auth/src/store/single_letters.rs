//! The table `auth.single_letters`: letters of which a tenant gets one.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, TenantTx, of_tenant};

use crate::schema::single_letters;

/// Says whether the letter is to be sent; from then on it is not.
pub(crate) async fn claim_letter(tx: &mut TenantTx, letter: &str) -> Result<bool, DbError> {
    let claimed = diesel::insert_into(single_letters::table)
        .values((single_letters::tenant_id.eq(tx.tenant()), single_letters::id.eq(letter)))
        .on_conflict((single_letters::tenant_id, single_letters::id))
        .do_nothing()
        .execute(tx)
        .await?;
    Ok(claimed == 1)
}

/// Takes the claim back.
pub(crate) async fn forget_letter(tx: &mut TenantTx, letter: &str) -> Result<(), DbError> {
    diesel::delete(of_tenant(single_letters::table, tx.tenant()).filter(single_letters::id.eq(letter)))
        .execute(tx)
        .await?;
    Ok(())
}
