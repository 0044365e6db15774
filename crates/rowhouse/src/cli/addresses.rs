//! Reports about email addresses, for `rowhouse migrate` and `rowhouse backfill email-addresses`.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use super::output::stdout;
use rowhouse_operator::addresses::{NAME, Rewritten, Survey, rewrite, survey};
use rowhouse_operator::tenants::{TenantError, connect_as_owner};

#[derive(Debug, thiserror::Error)]
pub(super) enum AddressesError {
    #[error("{NAME} processes people, who belong to no tenant: leave out --tenant, --rate and --concurrency")]
    OfTenants,
    #[error(transparent)]
    Database(#[from] TenantError),
    #[error("the outcome cannot be printed: {0}")]
    Print(#[from] io::Error),
}

impl From<tokio_postgres::Error> for AddressesError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Reports the addresses to rewrite, after a migration.
pub(super) async fn report(admin_url: &str, ca_file: Option<&Path>) -> Result<(), AddressesError> {
    let found = survey(&connect_as_owner(admin_url, ca_file).await?).await?;
    let mut out = stdout();
    if !found.outdated.is_empty() {
        let count = addresses(found.outdated.len());
        writeln!(
            out,
            "{count} from before to rewrite by `rowhouse backfill {NAME}`, when no old program runs any more"
        )?;
    }
    Ok(print_remaining(&mut out, &found)?)
}

/// Rewrites addresses. Fails if people who share an address are left.
pub(super) async fn run(
    admin_url: &str,
    ca_file: Option<&Path>,
    dry_run: bool,
) -> Result<ExitCode, AddressesError> {
    let owner = connect_as_owner(admin_url, ca_file).await?;
    owner.batch_execute("SET lock_timeout = '5s'").await?;
    let mut found = survey(&owner).await?;
    if dry_run {
        let mut out = stdout();
        for (holder, address) in &found.outdated {
            writeln!(out, "{holder} becomes {}", address.as_str())?;
        }
        print_remaining(&mut out, &found)?;
        writeln!(out, "{NAME}: {} to rewrite", addresses(found.outdated.len()))?;
    } else {
        let Rewritten { changed, passed_over } = rewrite(&owner, &found).await?;
        found = survey(&owner).await?;
        let mut out = stdout();
        print_remaining(&mut out, &found)?;
        write!(out, "{NAME}: {changed} rewritten")?;
        if passed_over > 0 {
            write!(out, ", {passed_over} changed by others meanwhile")?;
        }
        writeln!(out, "; collisions: {}", found.collisions.len())?;
    }
    let complete = found.collisions.is_empty() && (dry_run || found.outdated.is_empty());
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints what a rewrite does not change.
fn print_remaining(out: &mut impl Write, survey: &Survey) -> io::Result<()> {
    for collision in &survey.collisions {
        let holders: Vec<String> = collision.holders.iter().map(ToString::to_string).collect();
        writeln!(
            out,
            "collision: {} is one address of {} people, {}; disable all but one by `rowhouse user disable ADDRESS --reason TEXT`",
            collision.address,
            holders.len(),
            holders.join(" and ")
        )?;
    }
    for holder in &survey.unusable {
        writeln!(out, "no email address any more: {holder}, who can log in no longer")?;
    }
    Ok(())
}

fn addresses(count: usize) -> String {
    if count == 1 { "1 email address".to_owned() } else { format!("{count} email addresses") }
}
