//! The errors of `rowhouse backfill`.

use std::io;

use rowhouse_migrator::MigrateError;
use rowhouse_operator::addresses::NAME;
use rowhouse_operator::backfill::{self, BackfillError};
use rowhouse_operator::tenants::TenantError;

use super::addresses::AddressesError;

#[derive(Debug, thiserror::Error)]
pub(super) enum BackfillCliError {
    #[error("there is no backfill {0}; there are: {names}", names = names())]
    Unknown(String),
    #[error(transparent)]
    Backfill(#[from] BackfillError),
    #[error(transparent)]
    Addresses(#[from] AddressesError),
    #[error(transparent)]
    Tenant(#[from] TenantError),
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    #[error("the outcome cannot be printed: {0}")]
    Print(#[from] io::Error),
}

fn names() -> String {
    backfill::ALL.iter().map(|backfill| backfill.name).chain([NAME]).collect::<Vec<_>>().join(", ")
}
