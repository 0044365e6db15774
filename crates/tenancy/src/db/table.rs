//! The tenant predicate of queries.

use diesel::dsl::{Eq, Filter};
use diesel::expression::NonAggregate;
use diesel::query_dsl::methods::FilterDsl;
use diesel::{Column, ExpressionMethods, SelectableExpression, Table, sql_types};

use crate::TenantId;

/// A table whose rows belong to tenants. [`tenant_table!`](crate::tenant_table) implements it.
pub trait TenantTable: Table {
    /// The column `tenant_id`.
    type TenantIdColumn: Column<Table = Self, SqlType = sql_types::Uuid>
        + ExpressionMethods
        + SelectableExpression<Self>
        + NonAggregate
        + Default;
}

/// The rows of one tenant: `table WHERE tenant_id = $1`.
pub type OfTenant<T> = Filter<T, Eq<<T as TenantTable>::TenantIdColumn, TenantId>>;

/// Starts every select, update and delete on a tenant table with the predicate `tenant_id = $1`.
///
/// Isolation does not depend on this predicate: the table's policy holds without it. The predicate lets the planner
/// use indexes from their first column on, and lets Citus query one shard instead of all.
pub fn of_tenant<T>(table: T, tenant: TenantId) -> OfTenant<T>
where
    T: TenantTable + FilterDsl<Eq<T::TenantIdColumn, TenantId>>,
{
    FilterDsl::filter(table, T::TenantIdColumn::default().eq(tenant))
}

/// Declares that a table defined by `diesel::table!` is a tenant table: `tenant_table!(orders);`
#[macro_export]
macro_rules! tenant_table {
    ($table:ident) => {
        impl $crate::TenantTable for $table::table {
            type TenantIdColumn = $table::tenant_id;
        }
    };
}
