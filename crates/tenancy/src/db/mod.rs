//! Access to PostgreSQL: the pool, transactions, and notifications.

mod availability;
mod body;
mod by_text;
mod config;
mod connect;
mod error;
mod flight;
mod listen;
mod lock;
mod manager;
mod metrics;
mod opening;
mod pool;
mod pooler;
mod prepared;
mod queries;
mod schema;
mod scope;
mod session;
mod shared;
mod statement;
mod table;
mod transaction;
mod usage;

pub use body::TransactionBody;
pub use config::DatabaseConfig;
pub use connect::ConnectError;
pub use error::DbError;
pub use listen::{NotificationListener, Subscription};
pub use lock::{lock, lock_count};
pub use pool::TenantDb;
pub use schema::SchemaVersion;
pub use scope::{Global, Tenant, Transaction, TransactionScope};
pub use statement::Rows;
pub use table::{OfTenant, TenantTable, of_tenant};
pub use transaction::{GlobalTx, TenantTx, Tx};
