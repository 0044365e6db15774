//! Passwords and what is kept of them.

use std::fmt;

use zeroize::Zeroizing;

/// A password that can be hashed: 8 to 71 bytes, no NUL. Wiped from memory when dropped.
///
/// bcrypt reads 72 bytes, of which the last is a NUL: it would ignore the rest of a longer password, and
/// everything behind a NUL.
#[derive(Clone)]
pub(crate) struct Password(Zeroizing<String>);

/// The text cannot be a password here.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidPassword {
    #[error("send a password of 8 bytes or more")]
    TooShort,
    #[error("send a password of 71 bytes at most; letters outside ASCII count as several")]
    TooLong,
    #[error("send a password without NUL characters")]
    Nul,
}

impl Password {
    pub(crate) fn parse(text: String) -> Result<Self, InvalidPassword> {
        let text = Zeroizing::new(text);
        match text.len() {
            0..8 => Err(InvalidPassword::TooShort),
            8..=71 if text.contains('\0') => Err(InvalidPassword::Nul),
            8..=71 => Ok(Self(text)),
            _ => Err(InvalidPassword::TooLong),
        }
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// A bcrypt hash in modular crypt format.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PasswordHash(String);

impl PasswordHash {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for PasswordHash {
    /// Takes whatever the database holds: a text that is no hash is found out when a password is checked
    /// against it.
    fn from(hash: String) -> Self {
        Self(hash)
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_counts_in_bytes() {
        for (text, expected) in [
            ("", Err(InvalidPassword::TooShort)),
            ("1234567", Err(InvalidPassword::TooShort)),
            ("12345678", Ok(())),
            ("        ", Ok(())),
            ("пароль", Ok(())),
            (&"a".repeat(71), Ok(())),
            (&"a".repeat(72), Err(InvalidPassword::TooLong)),
            (&"€".repeat(23), Ok(())),
            (&"€".repeat(24), Err(InvalidPassword::TooLong)),
            ("12345678\0", Err(InvalidPassword::Nul)),
            ("\0", Err(InvalidPassword::TooShort)),
        ] {
            assert_eq!(Password::parse(text.to_owned()).map(drop), expected, "{text:?}");
        }
    }

    #[test]
    fn nothing_is_normalised() {
        for text in ["  padded  ", "MiXeD CaSe", "e\u{301}e\u{301}e\u{301}"] {
            assert_eq!(Password::parse(text.to_owned()).unwrap().expose(), text);
        }
    }

    #[test]
    fn debug_shows_nothing() {
        let password = Password::parse("correct horse".to_owned()).unwrap();
        let hash = PasswordHash::from("$2b$04$abcdefgh".to_owned());
        let shown = format!("{password:?} {hash:?}");
        assert!(!shown.contains("horse") && !shown.contains("$2b"), "{shown}");
    }
}
