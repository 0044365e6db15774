//! Passwords and what is kept of them.

use std::collections::HashSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;
use zxcvbn::{Score, zxcvbn};

use super::EmailAddress;

/// The lists of the commonest passwords have no longer ones, in characters, that would not be refused as too uniform.
const LONGEST_COMMON: usize = 16;
/// Letters are disguised by these; nobody's common password has many different ones, and each multiplies the work.
const DISGUISES: &str = "@({[<!|$+%";
const MOST_DISGUISES: usize = 4;
/// A longer password of fewer different characters is a key that was held down, or a few.
const LEAST_DIFFERENT: usize = 5;

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
    #[error("choose another password: this one is among the first that are guessed")]
    Common,
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

/// A password that a person may choose: none of the commonest, nor a variant of one, nor made of the person's own
/// address. What was chosen before is only a [`Password`].
#[derive(Clone, Debug)]
pub(crate) struct NewPassword(Password);

impl NewPassword {
    /// Takes a tenth of a millisecond, and two at most, whatever is sent.
    pub(crate) fn parse(text: String, email: &EmailAddress) -> Result<Self, InvalidPassword> {
        let password = Password::parse(text)?;
        if is_common(password.expose(), email.as_str()) {
            return Err(InvalidPassword::Common);
        }
        Ok(Self(password))
    }

    /// The same while the person's address is not known, for all that can be said about the password then.
    pub(crate) fn parse_for_nobody(text: String) -> Result<Self, InvalidPassword> {
        let password = Password::parse(text)?;
        if is_common(password.expose(), "") { Err(InvalidPassword::Common) } else { Ok(Self(password)) }
    }
}

impl From<NewPassword> for Password {
    fn from(NewPassword(password): NewPassword) -> Self {
        password
    }
}

/// Whether it is guessed within a million attempts, which is where the lists of the commonest passwords and their
/// usual variants end.
fn is_common(password: &str, email: &str) -> bool {
    if !email.is_empty() && password.to_lowercase().contains(email) {
        return true;
    }
    if password.chars().count() > LONGEST_COMMON {
        return password.chars().collect::<HashSet<_>>().len() < LEAST_DIFFERENT;
    }
    let disguises: HashSet<_> = password.chars().filter(|&c| DISGUISES.contains(c)).collect();
    if disguises.len() > MOST_DISGUISES {
        return false;
    }
    let parts = email.split(|c: char| !c.is_alphanumeric()).chain(email.split('@')).chain(["rowhouse"]);
    let of_the_person: Vec<&str> = parts.filter(|part| part.chars().count() > 2).collect();
    zxcvbn(password, &of_the_person).score() < Score::Two
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// A bcrypt hash in modular crypt format.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
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

    fn is_refused(text: &str) -> bool {
        let email = "ada.lovelace@analytical-engines.example".parse().unwrap();
        match NewPassword::parse(text.to_owned(), &email) {
            Ok(_) => false,
            Err(error) => error == InvalidPassword::Common,
        }
    }

    #[test]
    fn the_commonest_passwords_and_their_variants_are_refused() {
        for text in [
            "password",
            "password1",
            "Password1!",
            "P@ssw0rd",
            "passwordpassword",
            "12345678",
            "1234567890",
            "0987654321",
            "11111111",
            "aaaaaaaa",
            "        ",
            "qwertyuiop",
            "qwerty123",
            "1q2w3e4r",
            "zxcvbnm1",
            "iloveyou1",
            "sunshine1",
            "football1",
            "letmein1",
            "trustno1",
            "admin123",
            "abcdefgh",
            &"1".repeat(71),
            &"ab".repeat(35),
        ] {
            assert!(is_refused(text), "{text:?}");
        }
    }

    #[test]
    fn what_is_known_of_the_person_is_no_password() {
        for text in [
            "ada.lovelace@analytical-engines.example",
            "Ada.Lovelace@Analytical-Engines.example",
            "ada.lovelace@analytical-engines.example!",
            "ada.lovelace",
            "lovelace",
            "Lovelace1",
            "analytical",
            "rowhouse1",
        ] {
            assert!(is_refused(text), "{text:?}");
        }
    }

    #[test]
    fn other_passwords_pass() {
        for text in [
            "correct horse",
            "correct horse battery",
            "correct horse battery staple, as everybody knows by now",
            "tr0ub4dor&3",
            "gkx7vq2m",
            "jf8$kd0!",
            "4@8({[<369!1|05$",
            "Ποσειδῶν",
            "€uro €uro",
            "lovelace wrote the first program",
        ] {
            assert!(!is_refused(text), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_password_at_all_is_refused_for_that() {
        let email = "ada@example.com".parse().unwrap();
        for (text, expected) in [
            ("1234567", InvalidPassword::TooShort),
            (&"1".repeat(72), InvalidPassword::TooLong),
            ("12345678\0", InvalidPassword::Nul),
        ] {
            assert_eq!(NewPassword::parse(text.to_owned(), &email).unwrap_err(), expected, "{text:?}");
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
