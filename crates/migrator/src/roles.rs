//! The roles. They belong to the whole cluster, whose other databases may be migrated concurrently.

use rowhouse_catalog::ServiceName;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::role_names::{self, CLOSED};
use super::verifier::set_password;
use super::{MigrateError, RolePasswords, administrators};

/// The settings of each service's role.
const TIMEOUTS: [(&str, &str); 3] =
    [("statement_timeout", "5s"), ("idle_in_transaction_session_timeout", "10s"), ("lock_timeout", "2s")];

/// The number of attempts after a migration of another database changed the same role.
const ATTEMPTS: u32 = 20;

/// Creates missing roles and sets the attributes and timeouts of all of them. Returns the names of the new ones.
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

/// Returns whether two changes of roles collided. PostgreSQL does not queue them but refuses the second one, with an
/// internal error if it is the same row.
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
    for name in role_names::all() {
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

/// Creates a role unless it exists. Returns whether it was created.
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
    // Only different settings: an administrator who is not a superuser may not even set the others to their current values.
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
