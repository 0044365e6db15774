//! [`BackfillError`] and [`TenantFailure`], the reasons why a backfill or a tenant of it failed.

use tokio_postgres::error::SqlState;

use crate::tenants::TenantError;
use rowhouse_migrator::MigrateError;

/// The reason why a backfill could not run.
#[derive(Debug, thiserror::Error)]
pub enum BackfillError {
    /// There is no connection or no such tenant, or the schema is too old.
    #[error(transparent)]
    Tenant(#[from] TenantError),
}

impl From<tokio_postgres::Error> for BackfillError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Tenant(error.into())
    }
}

/// The reason why a tenant's rows were not all changed. The other tenants are processed all the same.
#[derive(Debug, thiserror::Error)]
pub enum TenantFailure {
    /// The number of changed rows differs from the count.
    #[error(
        "{expected} rows were counted beforehand and {changed} were changed: the batch does not reach them all, or somebody \
         else has changed or removed some meanwhile. Run it again: a number that stays wrong is the batch's fault"
    )]
    Difference {
        /// The number that was counted, including those that earlier runs changed.
        expected: i64,
        /// The number in this and earlier runs.
        changed: i64,
    },
    /// The batch has left its tenant, or the ledger's row is missing.
    #[error("the tenant's row in the ledger is missing")]
    NoLedger,
    /// The connection or a statement failed.
    #[error(transparent)]
    Database(#[from] TenantError),
    /// Every attempt conflicted with other transactions.
    #[error("all {attempts} attempts conflicted with other transactions: {reason}")]
    Contended {
        /// The number of attempts.
        attempts: u32,
        /// The last error of PostgreSQL.
        reason: MigrateError,
    },
}

impl From<tokio_postgres::Error> for TenantFailure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Returns whether the same transaction may succeed if it is retried: after a deadlock or a lock timeout.
pub(super) fn is_contention(error: &tokio_postgres::Error) -> bool {
    let contention =
        [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED, SqlState::LOCK_NOT_AVAILABLE];
    error.code().is_some_and(|code| contention.contains(code))
}
