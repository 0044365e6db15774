//! A tenant's first owner, as the caller names them.

use std::fmt;

use zeroize::Zeroizing;

/// An address and a password that auth is likely to take. Auth, which keeps them, has the last word.
pub(crate) struct Administrator {
    pub(crate) email: AdminEmail,
    /// Without one, the person is mailed a link to set it, or to join.
    pub(crate) password: Option<AdminPassword>,
}

/// An e-mail address, trimmed and in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AdminEmail(String);

impl AdminEmail {
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let address = text.trim().to_lowercase();
        let plain = |c: char| !c.is_control() && !c.is_whitespace();
        match address.split_once('@') {
            Some((local, domain))
                if !local.is_empty()
                    && !domain.is_empty()
                    && !domain.contains('@')
                    && address.len() <= 254
                    && address.chars().all(plain) =>
            {
                Ok(Self(address))
            }
            _ => Err("send an e-mail address such as ada@example.com, of 254 bytes at most"),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A password, wiped from memory when dropped.
#[derive(Clone)]
pub(crate) struct AdminPassword(Zeroizing<String>);

impl AdminPassword {
    pub(crate) fn parse(text: String) -> Result<Self, &'static str> {
        let text = Zeroizing::new(text);
        match text.len() {
            8..=71 if text.contains('\0') => Err("send a password without NUL characters"),
            8..=71 => Ok(Self(text)),
            _ => Err("send a password of 8 to 71 bytes; letters outside ASCII count as several"),
        }
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AdminPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminPassword(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, expected) in [
            ("ada@example.com", Some("ada@example.com")),
            (" Ada@Example.COM\n", Some("ada@example.com")),
            ("", None),
            ("ada", None),
            ("@example.com", None),
            ("ada@", None),
            ("ada@@example.com", None),
            ("ada@example.com@example.com", None),
            ("ada lovelace@example.com", None),
            ("ada@example.com\0", None),
            ("ada@exam\rple.com", None),
            (&format!("{}@example.com", "a".repeat(243)), None),
        ] {
            assert_eq!(AdminEmail::parse(text).ok().as_ref().map(AdminEmail::as_str), expected, "{text:?}");
        }
    }

    #[test]
    fn passwords_count_in_bytes_and_are_not_shown() {
        for (text, valid) in [
            ("1234567", false),
            ("12345678", true),
            (&"a".repeat(71), true),
            (&"a".repeat(72), false),
            (&"€".repeat(24), false),
            ("12345678\0", false),
        ] {
            assert_eq!(AdminPassword::parse(text.to_owned()).is_ok(), valid, "{text:?}");
        }
        let shown = format!("{:?}", AdminPassword::parse("correct horse".to_owned()).unwrap());
        assert!(!shown.contains("horse"), "{shown}");
    }
}
