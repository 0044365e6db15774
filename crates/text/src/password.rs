//! Passwords.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

const SHORTEST: usize = 8;
const LONGEST: usize = 128;
/// What a password could have before it was hashed for bcrypt, which reads 72 bytes of which the last is a NUL.
const FORMER_BYTES: std::ops::RangeInclusive<usize> = 8..=71;

/// A password: 8 to 128 characters, which are code points of its normalization form NFC, none of them NUL. The same password from
/// another keyboard, which composes its letters in another way, is the same (RFC 8265 §4.2, NIST SP 800-63B-4 §3.1.1.2); nothing
/// else is changed in it. Wiped from memory when dropped.
#[derive(Clone)]
pub struct Password {
    typed: Zeroizing<String>,
    composed: Zeroizing<String>,
}

/// The text cannot be a password here.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPassword {
    /// It has too few characters.
    #[error("send a password of {SHORTEST} characters or more")]
    TooShort,
    /// It has too many.
    #[error("send a password of {LONGEST} characters at most")]
    TooLong,
    /// It has a NUL, at which much software would end it.
    #[error("send a password without NUL characters")]
    Nul,
}

impl Password {
    /// Takes a password that somebody may choose.
    pub fn parse(text: String) -> Result<Self, InvalidPassword> {
        let password = Self::of(text);
        match password.composed.chars().count() {
            0..SHORTEST => Err(InvalidPassword::TooShort),
            SHORTEST..=LONGEST if password.composed.contains('\0') => Err(InvalidPassword::Nul),
            SHORTEST..=LONGEST => Ok(password),
            _ => Err(InvalidPassword::TooLong),
        }
    }

    /// Takes a password that somebody may have: one that may be chosen, or could be when 8 to 71 bytes were asked for. None for any other text.
    #[must_use]
    pub fn parse_existing(text: String) -> Option<Self> {
        let password = Self::of(text);
        let fits = (SHORTEST..=LONGEST).contains(&password.composed.chars().count())
            || FORMER_BYTES.contains(&password.typed.len());
        (fits && !password.typed.contains('\0')).then_some(password)
    }

    fn of(text: String) -> Self {
        let typed = Zeroizing::new(text);
        // NFC is three times as long at most, so nothing is left behind by growing.
        let mut composed = Zeroizing::new(String::with_capacity(typed.len() * 3));
        composed.extend(typed.nfc());
        Self { typed, composed }
    }

    /// The characters that count.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.composed
    }

    /// What hashes from before there was [`Password::for_bcrypt`] were made of: the text as it was typed, if it is not too long for that.
    #[must_use]
    pub fn expose_typed(&self) -> Option<&str> {
        FORMER_BYTES.contains(&self.typed.len()).then_some(&self.typed)
    }

    /// What bcrypt is given in place of the password, of which it would read 72 bytes: its HMAC-SHA-256 in base64, under the hash's own salt
    /// (22 characters, as bcrypt writes it). Of another place's plain SHA-256 digests nobody can make this, so a leaked list of them is of no use
    /// against these hashes. passlib's `bcrypt_sha256`, version 2, is the same.
    #[must_use]
    pub fn for_bcrypt(&self, salt: &str) -> Zeroizing<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(salt.as_bytes())
            .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
        mac.update(self.composed.as_bytes());
        Zeroizing::new(BASE64_STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_counts_in_characters() {
        for (text, expected) in [
            ("", Err(InvalidPassword::TooShort)),
            ("1234567", Err(InvalidPassword::TooShort)),
            ("12345678", Ok(())),
            ("        ", Ok(())),
            ("пароль", Err(InvalidPassword::TooShort)),
            ("пароль12", Ok(())),
            (&"a".repeat(72), Ok(())),
            (&"a".repeat(128), Ok(())),
            (&"a".repeat(129), Err(InvalidPassword::TooLong)),
            (&"🦀".repeat(128), Ok(())),
            (&"🦀".repeat(129), Err(InvalidPassword::TooLong)),
            // Decomposed, these are twice as many.
            (&"e\u{301}".repeat(7), Err(InvalidPassword::TooShort)),
            (&"e\u{301}".repeat(128), Ok(())),
            ("12345678\0", Err(InvalidPassword::Nul)),
            ("\0", Err(InvalidPassword::TooShort)),
        ] {
            assert_eq!(Password::parse(text.to_owned()).map(drop), expected, "{text:?}");
        }
    }

    #[test]
    fn what_could_be_a_password_before_can_still_be_one_that_is_checked() {
        for (text, possible) in [
            ("1234567", false),
            ("12345678", true),
            // 8 bytes, 4 characters.
            ("паро", true),
            ("пар", false),
            (&"a".repeat(128), true),
            (&"a".repeat(129), false),
            (&"🦀".repeat(128), true),
            ("12345678\0", false),
        ] {
            assert_eq!(Password::parse_existing(text.to_owned()).is_some(), possible, "{text:?}");
        }
    }

    #[test]
    fn nothing_is_changed_but_how_letters_are_composed() {
        for text in ["  padded  ", "MiXeD CaSe", "tab\there now", "ﬁnance ﬁrst", "zero\u{200b}width"] {
            assert_eq!(Password::parse(text.to_owned()).unwrap().expose(), text);
        }
        let (composed, decomposed) = ("café naïve 4711", "cafe\u{301} nai\u{308}ve 4711");
        let password = Password::parse(decomposed.to_owned()).unwrap();
        assert_eq!(password.expose(), composed);
        assert_eq!(password.expose_typed(), Some(decomposed));
    }

    #[test]
    fn a_hash_from_before_was_made_of_71_bytes_at_most() {
        let typed = |text: String| Password::parse(text).unwrap().expose_typed().map(str::len);
        assert_eq!(typed("a".repeat(71)), Some(71));
        assert_eq!(typed("a".repeat(72)), None);
        assert_eq!(typed("ж".repeat(36)), None);
    }

    /// Made by passlib 1.7.4; the first is the example of its documentation.
    #[test]
    fn bcrypt_is_given_what_passlib_gives_it() {
        let password = Password::parse("password".to_owned()).unwrap();
        assert_eq!(
            password.for_bcrypt("n79VH.0Q2TMWmt3Oqt9uku").as_str(),
            "7CwRr5rxo2JZcVmSDAi/2JPTkvkAdNy20Cz2LwYC0fw="
        );
        assert_ne!(password.for_bcrypt("a"), password.for_bcrypt("b"));
    }

    #[test]
    fn debug_shows_nothing() {
        let password = Password::parse("correct horse".to_owned()).unwrap();
        assert_eq!(format!("{password:?}"), "Password(..)");
    }
}
