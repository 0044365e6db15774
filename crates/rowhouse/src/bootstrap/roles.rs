//! The roles. They belong to the whole cluster, whose other databases may be migrated at the same moment.

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::verifier::set_password;
use super::{MigrateError, Role, RolePasswords};

/// Those that nobody logs in as.
const CLOSED: [&str; 2] = ["rowhouse_owner", "rowhouse_definer"];

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
            Err(error) => return Err(error.into()),
        }
    }
}

/// PostgreSQL does not queue changes of roles, it refuses the second one.
fn collided(error: &tokio_postgres::Error) -> bool {
    let Some(server) = error.as_db_error() else { return false };
    [&SqlState::DUPLICATE_OBJECT, &SqlState::UNIQUE_VIOLATION, &SqlState::T_R_SERIALIZATION_FAILURE]
        .contains(&server.code())
        || server.message().starts_with("tuple concurrently")
}

async fn ensure_once(
    admin: &Client,
    passwords: &RolePasswords,
) -> Result<Vec<&'static str>, tokio_postgres::Error> {
    let mut created = Vec::new();
    admin.batch_execute("BEGIN").await?;
    for (name, login) in
        CLOSED.map(|name| (name, false)).into_iter().chain(Role::ALL.map(|role| (role.name(), true)))
    {
        if ensure_role(admin, name, login).await? {
            created.push(name);
        }
    }
    for role in Role::ALL {
        ensure_timeouts(admin, role.name()).await?;
        if let Some(password) = passwords.of(role) {
            admin.batch_execute(&set_password(role.name(), password)).await?;
        }
    }
    ensure_memberships(admin).await?;
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

/// The owner gives functions to the definer; the administrator becomes the owner to migrate.
async fn ensure_memberships(admin: &Client) -> Result<(), tokio_postgres::Error> {
    let row = admin
        .query_one(
            "SELECT pg_catalog.pg_has_role('rowhouse_owner', 'rowhouse_definer', 'MEMBER'),
                (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)",
            &[],
        )
        .await?;
    if !row.get::<_, bool>(0) {
        admin.batch_execute("GRANT rowhouse_definer TO rowhouse_owner").await?;
    }
    if !row.get::<_, bool>(1) {
        admin.batch_execute("GRANT rowhouse_owner TO CURRENT_USER").await?;
    }
    Ok(())
}
