//! Expired rows that functions of the database delete.

use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, GlobalTx};
use uuid::Uuid;

/// The functions. Each returns the id from which to continue, or the number of deleted rows.
mod functions {
    use diesel::sql_types::{Integer, Uuid};

    #[diesel::declare_sql_function]
    extern "SQL" {
        #[sql_name = "onboarding.purge_onboardings"]
        fn purge_onboardings(after: Uuid, tenants: Integer, days: Integer) -> Nullable<Uuid>;
        #[sql_name = "onboarding.purge_keys"]
        fn purge_keys(days: Integer, most: Integer) -> Integer;
    }
}

/// Deletes the records of set-ups that ended so many days ago, of `tenants` tenants after this id. Returns the id from which to
/// continue, if there are more.
pub(crate) async fn purge_onboardings(
    tx: &mut GlobalTx,
    after: Uuid,
    tenants: i32,
    days: i32,
) -> Result<Option<Uuid>, DbError> {
    Ok(diesel::select(functions::purge_onboardings(after, tenants, days)).get_result(tx).await?)
}

/// Deletes at most `most` keys of sign-ups that are older than so many days, and returns their number.
pub(crate) async fn purge_keys(tx: &mut GlobalTx, days: i32, most: i32) -> Result<i32, DbError> {
    Ok(diesel::select(functions::purge_keys(days, most)).get_result(tx).await?)
}
