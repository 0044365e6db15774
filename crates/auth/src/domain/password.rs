//! New passwords and stored hashes.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use rowhouse_text::{InvalidPassword, Password};
use serde::{Deserialize, Serialize};
use zxcvbn::{Score, zxcvbn};

use super::EmailAddress;

/// The length in characters up to which a password can be a common one. Longer ones in the lists are refused as too
/// uniform.
const LONGEST_COMMON: usize = 16;
/// Characters that replace letters in variants of common passwords. Common passwords have few different ones, and
/// each multiplies the work.
const DISGUISES: &str = "@({[<!|$+%";
const MOST_DISGUISES: usize = 4;
/// The number of different characters below which a longer password is refused as uniform.
const LEAST_DIFFERENT: usize = 5;

/// The reason why a text is refused as a new password.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidNewPassword {
    #[error(transparent)]
    NoPassword(#[from] InvalidPassword),
    #[error("choose another password: this one is easy to guess")]
    Common,
}

/// A password that a person may choose: not a common one, a variant of one, or one made of the person's own address.
/// Existing passwords are a [`Password`].
#[derive(Clone, Debug)]
pub(crate) struct NewPassword(Password);

impl NewPassword {
    /// Parses a new password. It takes a tenth of a millisecond, and two at most for any input.
    pub(crate) fn parse(text: String, email: &EmailAddress) -> Result<Self, InvalidNewPassword> {
        Self::unlike(text, email.spellings())
    }

    /// Parses a new password of a person whose address is unknown, with the checks that do not need it.
    pub(crate) fn parse_for_nobody(text: String) -> Result<Self, InvalidNewPassword> {
        Self::unlike(text, &[])
    }

    fn unlike(text: String, spellings: &[String]) -> Result<Self, InvalidNewPassword> {
        let password = Password::parse(text)?;
        if is_common(password.expose(), spellings) {
            return Err(InvalidNewPassword::Common);
        }
        Ok(Self(password))
    }
}

impl From<NewPassword> for Password {
    fn from(NewPassword(password): NewPassword) -> Self {
        password
    }
}

/// Returns whether the password would be guessed within a million attempts, which covers the lists of common
/// passwords and their usual variants. `addresses` are the spellings of the person's own.
fn is_common(password: &str, addresses: &[String]) -> bool {
    let lower = password.to_lowercase();
    if addresses.iter().any(|address| lower.contains(address.as_str())) {
        return true;
    }
    if password.chars().count() > LONGEST_COMMON {
        return password.chars().collect::<HashSet<_>>().len() < LEAST_DIFFERENT;
    }
    let disguises: HashSet<_> = password.chars().filter(|&c| DISGUISES.contains(c)).collect();
    if disguises.len() > MOST_DISGUISES {
        return false;
    }
    let parts = addresses
        .iter()
        .flat_map(|address| address.split(|c: char| !c.is_alphanumeric()).chain(address.split('@')))
        .chain(["rowhouse"]);
    let of_the_person: Vec<&str> = parts.filter(|part| part.chars().count() > 2).collect();
    zxcvbn(password, &of_the_person).score() < Score::Two
}

/// The beginning of a hash of [`Password::for_bcrypt`], in the form of passlib's `bcrypt_sha256`:
/// `$bcrypt-sha256$v=2,t=2b,r=12$` salt `$` checksum.
const PREHASHED: &str = "$bcrypt-sha256$v=2,t=2b,r=";
/// The length of `$2b$12$` and the salt in bcrypt's own format.
const BEFORE_CHECKSUM: usize = 29;

/// The stored form of a password: bcrypt's hash of its prehash. A password from the time of 8 to 71 bytes that was
/// not used since has bcrypt's hash of the text as typed, in modular crypt format (`$2b$12$…`).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct PasswordHash(String);

impl PasswordHash {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Creates the stored form from the hash of a prehash in bcrypt's own format.
    pub(crate) fn of_prehash(cost: u32, salt: &str, bcrypt: &str) -> Self {
        let checksum = bcrypt.get(BEFORE_CHECKSUM..).unwrap_or_default();
        Self(format!("{PREHASHED}{cost}${salt}${checksum}"))
    }

    /// Returns the hash in bcrypt's own format, and whether it is one of the prehash.
    pub(crate) fn to_bcrypt(&self) -> (Cow<'_, str>, bool) {
        let Some(parts) = self.0.strip_prefix(PREHASHED) else { return (Cow::Borrowed(&self.0), false) };
        let mut parts = parts.split('$');
        let (cost, salt, checksum) = (parts.next(), parts.next(), parts.next());
        let (cost, salt, checksum) =
            (cost.unwrap_or_default(), salt.unwrap_or_default(), checksum.unwrap_or_default());
        (Cow::Owned(format!("$2b${cost:0>2}${salt}{checksum}")), true)
    }
}

impl From<String> for PasswordHash {
    /// Wraps a text from the database. Checking a password against an invalid one fails.
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

    fn is_refused(text: &str) -> bool {
        let email = "ada.lovelace@analytical-engines.example".parse().unwrap();
        match NewPassword::parse(text.to_owned(), &email) {
            Ok(_) => false,
            Err(error) => error == InvalidNewPassword::Common,
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
            &"1".repeat(128),
            &"ab".repeat(35),
        ] {
            assert!(is_refused(text), "{text:?}");
        }
    }

    #[test]
    fn personal_words_are_no_password() {
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
    fn impossible_passwords_are_refused_with_their_own_error() {
        let email = "ada@example.com".parse().unwrap();
        for (text, expected) in [
            ("1234567", InvalidPassword::TooShort),
            (&"1".repeat(129), InvalidPassword::TooLong),
            ("12345678\0", InvalidPassword::Nul),
        ] {
            assert_eq!(NewPassword::parse(text.to_owned(), &email).unwrap_err(), expected.into(), "{text:?}");
        }
    }

    #[test]
    fn an_international_address_is_no_password_in_either_spelling() {
        let email = "ada@bücherregal.example".parse().unwrap();
        for text in
            ["ada@bücherregal.example", "ada@xn--bcherregal-9db.example", "bücherregal", "Bücherregal1"]
        {
            let parsed = NewPassword::parse(text.to_owned(), &email);
            assert_eq!(parsed.map(drop), Err(InvalidNewPassword::Common), "{text:?}");
        }
    }

    #[test]
    fn a_hash_is_written_as_passlib_writes_it() {
        let salt = "n79VH.0Q2TMWmt3Oqt9uku";
        let bcrypt = format!("$2b$04${salt}E9qjVnkzEWr9OitExy6DYk7l7AjZ4iK");
        let hash = PasswordHash::of_prehash(4, salt, &bcrypt);
        let expected = format!("$bcrypt-sha256$v=2,t=2b,r=4${salt}$E9qjVnkzEWr9OitExy6DYk7l7AjZ4iK");
        assert_eq!(hash.as_str(), expected);
        assert_eq!(hash.to_bcrypt(), (bcrypt.clone().into(), true));
        assert_eq!(PasswordHash::from(bcrypt.clone()).to_bcrypt(), (bcrypt.into(), false));
    }

    #[test]
    fn debug_shows_nothing() {
        let hash = PasswordHash::from("$2b$04$abcdefgh".to_owned());
        assert_eq!(format!("{hash:?}"), "PasswordHash(..)");
    }
}
