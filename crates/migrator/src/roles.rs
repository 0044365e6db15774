//! The roles. They belong to the whole cluster, whose other databases may be migrated at the same moment.

use rowhouse_catalog::ServiceName;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::verifier::set_password;
use super::{MigrateError, RolePasswords, administrators};

/// Those that nobody logs in as.
const CLOSED: [&str; 3] = ["rowhouse_owner", "rowhouse_definer", administrators::GROUP];

/// What each service's role starts its sessions with.
const TIMEOUTS: [(&str, &str); 3] =
    [("statement_timeout", "5s"), ("idle_in_transaction_session_timeout", "10s"), ("lock_timeout", "2s")];

/// How often it is tried again when a migration of another database changed the same role.
const ATTEMPTS: u32 = 20;

/// Makes the roles that are missing and gives all of them the attributes and timeouts they are to have. The
/// names of those that were made.
pub(super) async fn ensure(
    admin: &Client,
    passwords: &RolePasswords,
) -> Result<Vec<&'static str>, MigrateError> {
    let mut attempt = 1_u32;
    loop {
        match ensure_once(admin, passwords).await {
            Ok(created) => return Ok(created),
            Err(error) if attempt < ATTEMPTS && collided(&error) => {
                admin.batch_execute("ROLLBACK").await?;
                attempt = attempt.saturating_add(1);
            }
            Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
                admin.batch_execute("ROLLBACK").await?;
                return Err(administrators::refusal(admin, error).await);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// All the roles that `migrate` makes.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    CLOSED.into_iter().chain(ServiceName::ALL.iter().map(|service| service.role()))
}

/// PostgreSQL does not queue changes of roles, it refuses the second one: of the same row as an internal error.
fn collided(error: &tokio_postgres::Error) -> bool {
    let collisions = [
        SqlState::DUPLICATE_OBJECT,
        SqlState::UNIQUE_VIOLATION,
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::INTERNAL_ERROR,
    ];
    error.code().is_some_and(|code| collisions.contains(code))
}

async fn ensure_once(
    admin: &Client,
    passwords: &RolePasswords,
) -> Result<Vec<&'static str>, tokio_postgres::Error> {
    let mut created = Vec::new();
    admin.batch_execute("BEGIN").await?;
    for name in all() {
        if ensure_role(admin, name, !CLOSED.contains(&name)).await? {
            created.push(name);
        }
    }
    for service in ServiceName::ALL {
        ensure_timeouts(admin, service.role()).await?;
        if let Some(password) = passwords.of(*service) {
            admin.batch_execute(&set_password(service.role(), password)).await?;
        }
    }
    administrators::ensure_memberships(admin).await?;
    admin.batch_execute("COMMIT").await?;
    Ok(created)
}

/// Whether the role had to be made.
async fn ensure_role(admin: &Client, name: &str, login: bool) -> Result<bool, tokio_postgres::Error> {
    let wanted = if login { "LOGIN" } else { "NOLOGIN" };
    let found = admin
        .query_opt(
            "SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolreplication, rolcanlogin
             FROM pg_catalog.pg_roles WHERE rolname = $1",
            &[&name],
        )
        .await?;
    let Some(found) = found else {
        let create = format!(
            "CREATE ROLE {name} {wanted} NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION"
        );
        admin.batch_execute(&create).await?;
        return Ok(true);
    };
    // Only what deviates: an administrator who is no superuser may not even confirm the rest.
    let mut alter = Vec::new();
    for (column, unwanted) in
        ["SUPERUSER", "BYPASSRLS", "CREATEDB", "CREATEROLE", "REPLICATION"].into_iter().enumerate()
    {
        if found.get(column) {
            alter.push(format!("NO{unwanted}"));
        }
    }
    if found.get::<_, bool>("rolcanlogin") != login {
        alter.push(wanted.to_owned());
    }
    if !alter.is_empty() {
        admin.batch_execute(&format!("ALTER ROLE {name} {}", alter.join(" "))).await?;
    }
    Ok(false)
}

async fn ensure_timeouts(admin: &Client, role: &str) -> Result<(), tokio_postgres::Error> {
    for (setting, value) in TIMEOUTS {
        let entry = format!("{setting}={value}");
        let row = admin
            .query_one(
                "SELECT $2 = ANY (coalesce(rolconfig, '{}')) FROM pg_catalog.pg_roles WHERE rolname = $1",
                &[&role, &entry],
            )
            .await?;
        if !row.get::<_, bool>(0) {
            admin.batch_execute(&format!("ALTER ROLE {role} SET {setting} = '{value}'")).await?;
        }
    }
    Ok(())
}
