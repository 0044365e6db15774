//! SCRAM verifiers of passwords.

use postgres_protocol::password::scram_sha_256;

/// Returns the statement that sets a role's password. It contains the verifier, so the password appears neither in
/// the server's log nor in its statistics.
pub(super) fn set_password(role: &str, password: &str) -> String {
    // A verifier consists of Base64 and a few other characters, none of which is a quote.
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
