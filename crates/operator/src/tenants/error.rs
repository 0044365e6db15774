//! The errors of operators' commands.

use tokio_postgres::error::SqlState;

use rowhouse_migrator::MigrateError;

/// The reason why a command failed, as a message for the operator.
#[derive(Debug, thiserror::Error)]
pub enum TenantError {
    /// There is no such slug or id.
    #[error(
        "no tenant has the slug or id {0}: `rowhouse tenant list --search TEXT` finds one by a part of its name"
    )]
    Unknown(String),
    /// Nobody has this address or id.
    #[error(
        "nobody has the email address or id {0}: `rowhouse user list --search TEXT` finds people by a part of their address"
    )]
    UnknownPerson(String),
    /// This cannot be what a person is called.
    #[error(
        "{0} is neither an email address nor an id: write an address such as ada@example.com, or the id that \
         `rowhouse user list` shows"
    )]
    NoPerson(String),
    /// The tenant is already suspended.
    #[error("{0} is suspended already")]
    Suspended(String),
    /// The tenant is not suspended.
    #[error("{slug} is not suspended, it is {status}")]
    NotSuspended {
        /// The tenant's slug.
        slug: String,
        /// Its status.
        status: String,
    },
    /// The tenant is not active yet, or failed.
    #[error("{slug} is {status}: only an active tenant can be suspended")]
    NotActive {
        /// The tenant's slug.
        slug: String,
        /// Its status.
        status: String,
    },
    /// The administrator may not end other roles' sessions. The tenant is suspended all the same.
    #[error(
        "{slug} is suspended and nobody enters it any more, but {} that had begun before may not be ended by \
         {role} (server processes {}): let an administrator run `GRANT rowhouse_administrators TO {role}`, or a superuser \
         `GRANT pg_signal_backend TO {role}`, and suspend {slug} again",
        count(.processes.len()), list(.processes)
    )]
    MayNotEnd {
        /// The tenant's slug.
        slug: String,
        /// The administrator.
        role: String,
        /// The server processes of the transactions.
        processes: Vec<i32>,
    },
    /// Transactions did not end after they were terminated.
    #[error(
        "{slug} is suspended and nobody enters it any more, but {} that had begun before still run (server \
         processes {})",
        count(.processes.len()), list(.processes)
    )]
    StillRunning {
        /// The tenant's slug.
        slug: String,
        /// The server processes of the transactions.
        processes: Vec<i32>,
    },
    /// The database lacks something that is needed.
    #[error("the schema is too old: run `rowhouse migrate` ({0})")]
    Schema(String),
    /// The owner is not subject to row-level security.
    #[error(
        "rowhouse_owner is a superuser or bypasses row-level security: run `rowhouse migrate`, which corrects it"
    )]
    Bypass,
    /// The connection or a statement failed.
    #[error(transparent)]
    Database(#[from] MigrateError),
}

impl From<tokio_postgres::Error> for TenantError {
    fn from(error: tokio_postgres::Error) -> Self {
        let missing = [
            SqlState::UNDEFINED_FUNCTION,
            SqlState::UNDEFINED_TABLE,
            SqlState::UNDEFINED_COLUMN,
            SqlState::INVALID_SCHEMA_NAME,
            // The role.
            SqlState::UNDEFINED_OBJECT,
            SqlState::INVALID_PARAMETER_VALUE,
        ];
        match error.as_db_error() {
            Some(server) if missing.contains(server.code()) => Self::Schema(server.message().to_owned()),
            _ => Self::Database(error.into()),
        }
    }
}

fn count(transactions: usize) -> String {
    if transactions == 1 { "a transaction".to_owned() } else { format!("{transactions} transactions") }
}

fn list(processes: &[i32]) -> String {
    processes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remaining_processes_are_named() {
        let error = TenantError::MayNotEnd {
            slug: "acme".to_owned(),
            role: "operator".to_owned(),
            processes: vec![7, 8],
        };
        assert_eq!(
            error.to_string(),
            "acme is suspended and nobody enters it any more, but 2 transactions that had begun before may not be \
             ended by operator (server processes 7, 8): let an administrator run `GRANT rowhouse_administrators TO \
             operator`, or a superuser `GRANT pg_signal_backend TO operator`, and suspend acme again"
        );
    }
}
