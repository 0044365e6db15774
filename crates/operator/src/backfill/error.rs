//! Why rows were not changed.

use tokio_postgres::error::SqlState;

use crate::tenants::TenantError;
use rowhouse_migrator::MigrateError;

/// Why a backfill could not be run at all.
#[derive(Debug, thiserror::Error)]
pub enum BackfillError {
    /// No connection, no such tenant, or a schema that is too old.
    #[error(transparent)]
    Tenant(#[from] TenantError),
}

impl From<tokio_postgres::Error> for BackfillError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Tenant(error.into())
    }
}

/// Why one tenant's rows are not all changed. The others are gone through all the same.
#[derive(Debug, thiserror::Error)]
pub enum TenantFailure {
    /// Not as many rows as were counted.
    #[error(
        "{expected} rows were counted beforehand and {changed} were changed: the batch does not reach them all, or somebody \
         else has changed or removed some meanwhile. Run it again: a number that stays wrong is the batch's fault"
    )]
    Difference {
        /// As counted, with what earlier runs have changed.
        expected: i64,
        /// In this and earlier runs.
        changed: i64,
    },
    /// The batch has left its tenant, or the ledger's row is gone.
    #[error("the tenant's row of the ledger is gone")]
    NoLedger,
    /// The connection, or a statement.
    #[error(transparent)]
    Database(#[from] TenantError),
    /// Others were in the way, each time that it was tried.
    #[error("others were in the way, {attempts} times: {reason}")]
    Contended {
        /// How often it was tried.
        attempts: u32,
        /// What PostgreSQL said last.
        reason: MigrateError,
    },
}

impl From<tokio_postgres::Error> for TenantFailure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Whether the same transaction may succeed when it is tried again: a deadlock, a lock that was waited for too long.
pub(super) fn is_contention(error: &tokio_postgres::Error) -> bool {
    let contention =
        [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED, SqlState::LOCK_NOT_AVAILABLE];
    error.code().is_some_and(|code| contention.contains(code))
}
