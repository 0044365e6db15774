//! The errors of migrating.

use std::path::PathBuf;

use rowhouse_connection::{AddressError, ConnectFailure};

/// The reason why a database could not be migrated, as a message for the administrator.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The URL is not a database's, or its TLS settings are contradictory.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The server does not answer, or refuses the role.
    #[error("no connection to the database: {0}")]
    Connect(String),
    /// A statement failed.
    #[error("PostgreSQL refused: {0}")]
    Refused(String),
    /// The administrator may not manage the roles, which another administrator may have created for another database.
    #[error(
        "{role} may not manage Rowhouse's roles, which all databases of the cluster share ({reason}): let {by} run \
         {statements}, then migrate again"
    )]
    RolesShared {
        /// The administrator.
        role: String,
        /// The error of PostgreSQL.
        reason: String,
        /// The statements that solve it.
        statements: String,
        /// The role that may execute them.
        by: String,
    },
    /// The administrator has the group's privileges only after SET ROLE.
    #[error(
        "{0} is NOINHERIT and an administrator has to inherit: run `ALTER ROLE {0} INHERIT`, then migrate again"
    )]
    NoInherit(String),
    /// The administrator neither owns the database nor is a member of its owner.
    #[error(
        "{role} does not own the database {database}: let {owner} or a superuser run `ALTER DATABASE {database} OWNER \
         TO {role}`, then migrate again"
    )]
    NotOwner {
        /// The administrator.
        role: String,
        /// The database.
        database: String,
        /// The owner.
        owner: String,
    },
    /// Another migration is running.
    #[error(
        "another migration has been running on this database for {0} s; try again when it has ended, or wait longer \
         with --lock-wait"
    )]
    Busy(u64),
    /// Other transactions hold the locks that a migration needs; the migrations before it are applied.
    #[error(
        "{name} has waited {seconds} s for locks that others hold ({reason}); try again when their transactions have \
         ended, or wait longer with --lock-wait"
    )]
    Locked {
        /// The name of the migration or other step that needs them.
        name: String,
        /// The total time that was waited.
        seconds: u64,
        /// The error of PostgreSQL.
        reason: String,
    },
    /// A newer release has removed what this one uses.
    #[error(
        "this program is too old for the schema (its newest migration is {newest}): run the `rowhouse migrate` of a \
         release that contains the migration {oldest_supported}"
    )]
    TooNew {
        /// The newest migration that this program contains, contract migrations aside.
        newest: String,
        /// The oldest version that the schema supports.
        oldest_supported: String,
    },
    /// A migration failed; those before it are applied.
    #[error("the migrations stopped at {name}: {reason}")]
    Migration {
        /// The name of the migration.
        name: String,
        /// The error of PostgreSQL.
        reason: String,
    },
    /// The thread of the migrations panicked.
    #[error("the migrations were interrupted: {0}")]
    Interrupted(#[from] tokio::task::JoinError),
    /// A URL names another role than it should.
    #[error("{argument} is for the role {expected}, and its URL names {found}")]
    OtherRole {
        /// The argument with the URL.
        argument: String,
        /// The role that it should name.
        expected: &'static str,
        /// The role that the URL names.
        found: String,
    },
    /// The certificates cannot be read.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        reason: String,
    },
}

impl From<ConnectFailure> for MigrateError {
    fn from(failure: ConnectFailure) -> Self {
        Self::Connect(failure.to_string())
    }
}

impl From<tokio_postgres::Error> for MigrateError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Refused(describe(&error))
    }
}

/// Returns the server's message if there is one, since tokio-postgres displays only "db error".
pub(super) fn describe(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), std::error::Error::source(error)) {
        (Some(server), _) => match server.hint() {
            Some(hint) => format!("{} ({hint})", server.message()),
            None => server.message().to_owned(),
        },
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}
