//! Naming the tenant in every query.

use diesel::dsl::{Eq, Filter};
use diesel::expression::NonAggregate;
use diesel::query_dsl::methods::FilterDsl;
use diesel::{Column, ExpressionMethods, SelectableExpression, Table, sql_types};

use crate::TenantId;

/// A table whose rows belong to tenants. Implemented by [`tenant_table!`](crate::tenant_table).
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

/// Starts every select, update and delete on a tenant's table.
///
/// It is not the wall: that is the table's policy, which holds without it. It is for the planner, which then
/// uses the index from its first column on, and for Citus, which then asks one shard instead of all.
pub fn of_tenant<T>(table: T, tenant: TenantId) -> OfTenant<T>
where
    T: TenantTable + FilterDsl<Eq<T::TenantIdColumn, TenantId>>,
{
    FilterDsl::filter(table, T::TenantIdColumn::default().eq(tenant))
}

/// Declares that a table made by `diesel::table!` belongs to tenants: `tenant_table!(orders);`
#[macro_export]
macro_rules! tenant_table {
    ($table:ident) => {
        impl $crate::TenantTable for $table::table {
            type TenantIdColumn = $table::tenant_id;
        }
    };
}
