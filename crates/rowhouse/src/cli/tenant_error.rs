//! The errors of `rowhouse tenant`.

use std::io;

use chrono::NaiveDate;
use rowhouse_migrator::MigrateError;
use rowhouse_operator::tenants::TenantError;

#[derive(Debug, thiserror::Error)]
pub(super) enum TenantCliError {
    #[error(transparent)]
    Tenant(#[from] TenantError),
    #[error(transparent)]
    Connect(#[from] MigrateError),
    #[error("--from {from} is after --to {to}")]
    Span { from: NaiveDate, to: NaiveDate },
    #[error("the outcome cannot be printed: {0}")]
    Print(#[from] io::Error),
}
