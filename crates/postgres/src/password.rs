//! Random passwords.

use std::fmt::Write;

/// The operating system returned no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("no random bytes for a password: {0}")]
pub struct NoRandomness(#[from] getrandom::Error);

/// Returns 192 random bits in hexadecimal, which need no escaping in a URL.
pub fn random_password() -> Result<String, NoRandomness> {
    let mut bytes = [0_u8; 24];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a String cannot fail.
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_long_and_differ() {
        let (one, other) = (random_password().unwrap(), random_password().unwrap());
        assert_eq!(one.len(), 48);
        assert_ne!(one, other);
    }
}
