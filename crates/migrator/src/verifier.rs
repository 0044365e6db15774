//! What PostgreSQL keeps of a password.

use postgres_protocol::password::scram_sha_256;

/// The statement that gives a role its password. The server gets the verifier and never sees the password,
/// so neither do its log and its statistics.
pub(super) fn set_password(role: &str, password: &str) -> String {
    // A verifier is Base64 and a few signs, none of which ends the literal.
    format!("ALTER ROLE {role} PASSWORD '{}'", scram_sha_256(password.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_not_in_the_statement() {
        let statement = set_password("rowhouse_auth", "it's a secret");
        assert!(
            statement.starts_with("ALTER ROLE rowhouse_auth PASSWORD 'SCRAM-SHA-256$4096:"),
            "{statement}"
        );
        assert!(!statement.contains("secret"));
        assert_eq!(statement.matches('\'').count(), 2);
    }
}
