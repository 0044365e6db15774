//! Expired rows that functions of the database delete.

use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, GlobalTx};
use uuid::Uuid;

/// The functions. Each returns the id from which to continue, or the number of deleted rows.
mod functions {
    use diesel::sql_types::{Integer, Uuid};

    #[diesel::declare_sql_function]
    extern "SQL" {
        #[sql_name = "auth.purge_expired"]
        fn purge_expired(after: Uuid, tenants: Integer, most: Integer, audit_days: Integer)
        -> Nullable<Uuid>;
        #[sql_name = "auth.purge_identities"]
        fn purge_identities(after: Uuid, people: Integer, days: Integer) -> Nullable<Uuid>;
        #[sql_name = "tenancy.purge_operator_actions"]
        fn purge_operator_actions(days: Integer, most: Integer) -> Integer;
        #[sql_name = "tenancy.purge_usage"]
        fn purge_usage(after: Uuid, tenants: Integer, days: Integer) -> Nullable<Uuid>;
    }
}

/// Deletes at most `most` rows of at most `tenants` tenants after this id: old sessions, revocations of expired tokens, old answers to
/// repeatable calls, old invitations, and entries of the audit log that are older than so many days. It works across tenants
/// through a function. Returns the id from which to continue, if there is more.
pub(crate) async fn purge_expired(
    tx: &mut GlobalTx,
    after: Uuid,
    tenants: i32,
    most: i32,
    audit_days: i32,
) -> Result<Option<Uuid>, DbError> {
    let purge = functions::purge_expired(after, tenants, most, audit_days);
    Ok(diesel::select(purge).get_result(tx).await?)
}

/// Looks at `people` people after this id, and deletes those who are in no tenant and did not change for so many days. Returns the id
/// from which to continue, if there are more.
pub(crate) async fn purge_identities(
    tx: &mut GlobalTx,
    after: Uuid,
    people: i32,
    days: i32,
) -> Result<Option<Uuid>, DbError> {
    Ok(diesel::select(functions::purge_identities(after, people, days)).get_result(tx).await?)
}

/// Deletes the usage of `tenants` tenants after this id on days that are older than so many days, of all services. Returns the id from
/// which to continue, if there are more.
pub(crate) async fn purge_usage(
    tx: &mut GlobalTx,
    after: Uuid,
    tenants: i32,
    days: i32,
) -> Result<Option<Uuid>, DbError> {
    Ok(diesel::select(functions::purge_usage(after, tenants, days)).get_result(tx).await?)
}

/// Deletes at most `most` operators' actions that are older than so many days, and returns their number.
pub(crate) async fn purge_operator_actions(
    tx: &mut GlobalTx,
    days: i32,
    most: i32,
) -> Result<usize, DbError> {
    let removed: i32 = diesel::select(functions::purge_operator_actions(days, most)).get_result(tx).await?;
    Ok(usize::try_from(removed).unwrap_or_default())
}
