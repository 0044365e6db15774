//! Why a database is not up to date.

use std::path::PathBuf;

use rowhouse_connection::ConnectFailure;

/// Why a database could not be brought up to date. Each is a sentence for the person who wanted it.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// Not a URL of a database.
    #[error("the database's URL cannot be read ({0}); write postgres://role:password@host:port/database")]
    Url(#[source] tokio_postgres::Error),
    /// `sslmode=require` without a certificate authority, or with one that cannot be used.
    #[error("sslmode=require needs the certificates that the server's is checked against: {0}")]
    Authority(String),
    /// The server does not answer, or refuses the role.
    #[error("no connection to the database: {0}")]
    Connect(String),
    /// A statement failed.
    #[error("PostgreSQL refused: {0}")]
    Refused(String),
    /// The administrator may not manage the roles, which another one may have made for another database.
    #[error(
        "{role} may not manage Rowhouse's roles, which all databases of the cluster share ({reason}): let {by} run \
         {statements}, then migrate again"
    )]
    RolesShared {
        /// The administrator.
        role: String,
        /// What PostgreSQL said.
        reason: String,
        /// What changes it.
        statements: String,
        /// Who may do that.
        by: String,
    },
    /// The administrator has the group's rights only after SET ROLE.
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
        /// Which database.
        database: String,
        /// Whose it is.
        owner: String,
    },
    /// Somebody else migrates.
    #[error(
        "another migration has been running on this database for {0} s; try again when it has ended, or wait longer \
         with --lock-wait"
    )]
    Busy(u64),
    /// Others hold the locks that a migration needs; those before it are done.
    #[error(
        "{name} has waited {seconds} s for locks that others hold ({reason}); try again when their transactions have \
         ended, or wait longer with --lock-wait"
    )]
    Locked {
        /// What needs them: a migration, mostly.
        name: String,
        /// For how long all of it waited.
        seconds: u64,
        /// What PostgreSQL said.
        reason: String,
    },
    /// A migration failed; those before it are done.
    #[error("the migrations stopped at {name}: {reason}")]
    Migration {
        /// Which one.
        name: String,
        /// What PostgreSQL said.
        reason: String,
    },
    /// The migrations' thread died.
    #[error("the migrations were interrupted: {0}")]
    Interrupted(#[from] tokio::task::JoinError),
    /// A URL names another role than it is for.
    #[error("{argument} is for the role {expected}, and its URL names {found}")]
    OtherRole {
        /// The argument with the URL.
        argument: String,
        /// Whose it should be.
        expected: &'static str,
        /// Whose it is.
        found: String,
    },
    /// The certificates cannot be read.
    #[error("{}: {reason}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
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

/// The server's own words where there are any: tokio-postgres prints only "db error" at the top.
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
