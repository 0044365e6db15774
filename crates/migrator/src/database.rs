//! The database and the privileges on it. A copy made with `TEMPLATE` has none of these privileges.

use std::path::Path;

use rowhouse_catalog::ServiceName;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::MigrateError;
use super::connect::address;

/// Creates the database that `admin_url` names if it does not exist, and then returns its name.
pub async fn create_database(
    admin_url: &str,
    ca_file: Option<&Path>,
) -> Result<Option<String>, MigrateError> {
    let mut address = address(admin_url, ca_file)?;
    match address.connect().await {
        Ok(_) => return Ok(None),
        Err(error) if error.code() == Some(&SqlState::INVALID_CATALOG_NAME) => {}
        Err(error) => return Err(error.into()),
    }
    let config = address.config_mut();
    let Some(name) = config.get_dbname().or(config.get_user()).map(str::to_owned) else { return Ok(None) };
    config.dbname("postgres");
    let (admin, driver) = address.connect().await?;
    tokio::spawn(driver.run());
    // template0 has no objects of others.
    let create = format!("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'", quote_identifier(&name));
    match admin.batch_execute(&create).await {
        Ok(()) => Ok(Some(name)),
        // Another process created it concurrently.
        Err(error)
            if [Some(&SqlState::DUPLICATE_DATABASE), Some(&SqlState::UNIQUE_VIOLATION)]
                .contains(&error.code()) =>
        {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Makes `rowhouse_owner` the owner of the database, revokes the privileges of PUBLIC, and grants access to the
/// services' roles.
///
/// An administrator who may not change the owner stays the owner, and grants `rowhouse_owner` the privilege to create
/// schemas.
pub async fn grant_database(admin: &Client, database: &str) -> Result<(), MigrateError> {
    check_owner(admin, database).await?;
    let database = quote_identifier(database);
    let given = admin.batch_execute(&format!("ALTER DATABASE {database} OWNER TO rowhouse_owner")).await;
    match given {
        Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
            let grant = format!("GRANT CONNECT, CREATE ON DATABASE {database} TO rowhouse_owner");
            admin.batch_execute(&grant).await?;
        }
        given => given?,
    }
    let services = ServiceName::ALL.iter().map(|service| service.role()).collect::<Vec<_>>().join(", ");
    let grant = format!(
        "BEGIN;
         REVOKE ALL ON DATABASE {database} FROM PUBLIC;
         GRANT CONNECT ON DATABASE {database} TO {services};
         COMMIT"
    );
    Ok(admin.batch_execute(&grant).await?)
}

/// Checks the owner: for other roles PostgreSQL grants nothing and only warns.
async fn check_owner(admin: &Client, database: &str) -> Result<(), MigrateError> {
    let row = admin
        .query_one(
            "SELECT pg_catalog.pg_has_role(d.datdba, 'USAGE'), pg_catalog.quote_ident(current_user),
                 pg_catalog.quote_ident(d.datname), pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(d.datdba))
             FROM pg_catalog.pg_database d WHERE d.datname = $1",
            &[&database],
        )
        .await?;
    if row.get(0) {
        return Ok(());
    }
    Err(MigrateError::NotOwner { role: row.get(1), database: row.get(2), owner: row.get(3) })
}

/// Restricts the schema public to the owner. It contains the list of migrations, of which a function of
/// `rowhouse_definer` returns the newest.
pub(super) async fn close_public_schema(admin: &Client) -> Result<(), MigrateError> {
    Ok(admin
        .batch_execute(
            "REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT USAGE, CREATE ON SCHEMA public TO rowhouse_owner;
             GRANT USAGE ON SCHEMA public TO rowhouse_definer",
        )
        .await?)
}

pub(super) async fn current(admin: &Client) -> Result<String, MigrateError> {
    Ok(admin.query_one("SELECT pg_catalog.current_database()::text", &[]).await?.get(0))
}

/// Quotes an SQL identifier.
#[must_use]
pub fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted() {
        assert_eq!(quote_identifier("rowhouse"), "\"rowhouse\"");
        assert_eq!(quote_identifier("a\"; DROP"), "\"a\"\"; DROP\"");
    }
}
