//! The tenant's way to PostgreSQL.

mod body;
mod connect;
mod error;
mod listen;
mod lock;
mod pool;
mod pooler;
mod schema;
mod statement;
mod table;
mod transaction;

pub use body::TransactionBody;
pub use connect::{ConnectError, DatabaseConfig};
pub use error::DbError;
pub use listen::Listener;
pub use lock::lock_count;
pub use pool::TenantDb;
pub use schema::SchemaVersion;
pub use statement::Rows;
pub use table::{OfTenant, TenantTable, of_tenant};
pub use transaction::{Global, GlobalTx, Scope, Tenant, TenantTx, Transaction, Tx};
