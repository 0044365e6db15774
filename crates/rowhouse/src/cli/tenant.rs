//! The command `rowhouse tenant`, which suspends, resumes, lists and shows tenants.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use rowhouse_text::printable;

use rowhouse_migrator::connect;
use rowhouse_operator::tenants::{
    self, Overview, Reason, Suspended, Tenant, TenantError, TenantStatus, connect_as_owner,
};

const EXAMPLES: &str =
    "The database refuses every entry into a suspended tenant, even with valid tokens. Open transactions \
are ended, and its jobs wait. Resuming it undoes that. The tenant's audit log records both, with the reason.

Examples:
  rowhouse tenant suspend acme --reason 'invoice 2026-117 is unpaid'
  rowhouse tenant resume acme --reason 'paid'
  rowhouse tenant list --status suspended
  rowhouse tenant show 01990a5e-0b7c-7d31-8f5e-6a1b2c3d4e5f";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct TenantArgs {
    #[command(subcommand)]
    command: TenantCommand,
}

#[derive(Subcommand)]
enum TenantCommand {
    /// Suspend a tenant: nobody can enter it any more, and its open transactions are ended
    Suspend(Change),
    /// Resume a suspended tenant
    Resume(Change),
    /// List the tenants, the oldest first
    List(List),
    /// Show one tenant: its status, the numbers of its members and jobs, and the reason for which it was suspended
    Show(Show),
}

#[derive(Args)]
struct Change {
    /// The tenant's slug or id
    #[arg(value_name = "SLUG-OR-ID")]
    tenant: String,
    /// Reason, in 1 to 500 characters; the tenant's administrators see it in their audit log
    #[arg(long, value_name = "TEXT")]
    reason: Reason,
    #[command(flatten)]
    database: Database,
}

#[derive(Args)]
struct List {
    /// Show only tenants with this status
    #[arg(long)]
    status: Option<TenantStatus>,
    #[command(flatten)]
    database: Database,
}

#[derive(Args)]
struct Show {
    /// The tenant's slug or id
    #[arg(value_name = "SLUG-OR-ID")]
    tenant: String,
    #[command(flatten)]
    database: Database,
}

#[derive(Args)]
struct Database {
    /// URL of the database, for a superuser or a member of `rowhouse_administrators`, such as the role that migrates it
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: String,
    /// PEM file with the authorities that may have signed the database's certificate
    #[arg(long, env = "ROWHOUSE_DATABASE_CA_FILE", value_name = "FILE")]
    database_ca_file: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum TenantCliError {
    #[error(transparent)]
    Tenant(#[from] TenantError),
    #[error("the outcome cannot be printed: {0}")]
    Print(#[from] io::Error),
}

pub(super) async fn run(args: TenantArgs) -> Result<(), TenantCliError> {
    let mut out = io::stdout();
    match args.command {
        TenantCommand::Suspend(Change { tenant, reason, database }) => {
            let mut admin = database.admin().await?;
            let Suspended { tenant, ended_transactions } =
                tenants::suspend(&mut admin, &tenant, &reason).await?;
            writeln!(out, "suspended {}", tenant.slug)?;
            if ended_transactions > 0 {
                writeln!(out, "ended transactions that had begun before: {ended_transactions}")?;
            }
        }
        TenantCommand::Resume(Change { tenant, reason, database }) => {
            let mut admin = database.admin().await?;
            let tenant = tenants::resume(&mut admin, &tenant, &reason).await?;
            writeln!(out, "resumed {}", tenant.slug)?;
        }
        TenantCommand::List(List { status, database }) => {
            let owner = database.owner().await?;
            print_list(&mut out.lock(), &tenants::list(&owner, status).await?)?;
        }
        TenantCommand::Show(Show { tenant, database }) => {
            let mut owner = database.owner().await?;
            print_overview(&mut out.lock(), &tenants::overview(&mut owner, &tenant).await?)?;
        }
    }
    Ok(())
}

impl Database {
    async fn admin(&self) -> Result<tokio_postgres::Client, TenantError> {
        Ok(connect(&self.database_url, self.database_ca_file.as_deref()).await?)
    }

    async fn owner(&self) -> Result<tokio_postgres::Client, TenantError> {
        connect_as_owner(&self.database_url, self.database_ca_file.as_deref()).await
    }
}

fn print_list(out: &mut impl Write, tenants: &[Tenant]) -> io::Result<()> {
    let width = tenants.iter().map(|tenant| tenant.slug.len()).max().unwrap_or_default();
    for Tenant { id, slug, name, status, created_at } in tenants {
        writeln!(out, "{id}  {status:12}  {created_at}  {slug:width$}  {}", printable(name))?;
    }
    Ok(())
}

fn print_overview(out: &mut impl Write, overview: &Overview) -> io::Result<()> {
    let Overview { tenant: Tenant { id, slug, name, status, created_at }, members, jobs, last_suspension } =
        overview;
    writeln!(out, "id              {id}")?;
    writeln!(out, "slug            {slug}")?;
    writeln!(out, "name            {}", printable(name))?;
    writeln!(out, "status          {status}")?;
    writeln!(out, "created         {created_at} UTC")?;
    writeln!(out, "members         {members}")?;
    let jobs: Vec<String> = jobs.iter().map(|(status, count)| format!("{count} {status}")).collect();
    writeln!(out, "jobs            {}", if jobs.is_empty() { "none".to_owned() } else { jobs.join(", ") })?;
    if let Some(suspension) = last_suspension {
        writeln!(out, "last suspended  {} UTC: {}", suspension.at, printable(&suspension.reason))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rowhouse_tenancy::TenantId;

    use super::*;
    use rowhouse_operator::tenants::Suspension;

    fn acme() -> Tenant {
        Tenant {
            id: TenantId::from_uuid(uuid::Uuid::nil()),
            slug: "acme".to_owned(),
            name: "Acme\u{1b}[2J".to_owned(),
            status: "suspended".to_owned(),
            created_at: "2026-11-23 08:30:00".to_owned(),
        }
    }

    #[test]
    fn a_tenant_is_a_line_of_the_list() {
        let other = Tenant { slug: "globex-europe".to_owned(), name: "Globex".to_owned(), ..acme() };
        let mut out = Vec::new();
        print_list(&mut out, &[acme(), other]).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "00000000-0000-0000-0000-000000000000  suspended     2026-11-23 08:30:00  acme           Acme\u{fffd}[2J\n\
             00000000-0000-0000-0000-000000000000  suspended     2026-11-23 08:30:00  globex-europe  Globex\n"
        );
    }

    #[test]
    fn an_overview_says_why_it_was_suspended() {
        let suspension = Suspension { at: "2026-11-24 09:00:00".to_owned(), reason: "unpaid".to_owned() };
        let overview = Overview {
            tenant: acme(),
            members: 3,
            jobs: vec![("queued".to_owned(), 2), ("succeeded".to_owned(), 7)],
            last_suspension: Some(suspension),
        };
        let mut out = Vec::new();
        print_overview(&mut out, &overview).unwrap();
        let text = String::from_utf8(out).unwrap();
        for line in [
            "status          suspended\n",
            "created         2026-11-23 08:30:00 UTC\n",
            "members         3\n",
            "jobs            2 queued, 7 succeeded\n",
            "last suspended  2026-11-24 09:00:00 UTC: unpaid\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }
}
