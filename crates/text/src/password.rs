//! [`Password`], a password that was chosen or is to be checked.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

const SHORTEST: usize = 8;
const LONGEST: usize = 128;
/// The former limits in bytes, when bcrypt hashed the password itself: it reads 72 bytes, of which the last is a NUL.
const FORMER_BYTES: std::ops::RangeInclusive<usize> = 8..=71;

/// A password of 8 to 128 characters, which are code points of its normalization form NFC, without NUL. Normalization makes
/// passwords equal that keyboards compose differently (RFC 8265 §4.2, NIST SP 800-63B-4 §3.1.1.2); nothing
/// else is changed. The memory is wiped on drop.
#[derive(Clone)]
pub struct Password {
    typed: Zeroizing<String>,
    composed: Zeroizing<String>,
}

/// The reason why a text is refused as a new password.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPassword {
    /// It has too few characters.
    #[error("send a password of {SHORTEST} characters or more")]
    TooShort,
    /// It has too many.
    #[error("send a password of {LONGEST} characters at most")]
    TooLong,
    /// It has a NUL, at which much software would truncate it.
    #[error("send a password without NUL characters")]
    Nul,
}

impl Password {
    /// Parses a new password.
    pub fn parse(text: String) -> Result<Self, InvalidPassword> {
        let password = Self::of(text);
        match password.composed.chars().count() {
            0..SHORTEST => Err(InvalidPassword::TooShort),
            SHORTEST..=LONGEST if password.composed.contains('\0') => Err(InvalidPassword::Nul),
            SHORTEST..=LONGEST => Ok(password),
            _ => Err(InvalidPassword::TooLong),
        }
    }

    /// Parses a password for a check against a stored hash: one that can be chosen, or that could be when the limit was 8 to 71 bytes. Returns `None` for any other text.
    #[must_use]
    pub fn parse_existing(text: String) -> Option<Self> {
        let password = Self::of(text);
        let fits = (SHORTEST..=LONGEST).contains(&password.composed.chars().count())
            || FORMER_BYTES.contains(&password.typed.len());
        (fits && !password.typed.contains('\0')).then_some(password)
    }

    fn of(text: String) -> Self {
        let typed = Zeroizing::new(text);
        // NFC is at most three times as long, so the buffer never grows and leaves no copy behind.
        let mut composed = Zeroizing::new(String::with_capacity(typed.len() * 3));
        composed.extend(typed.nfc());
        Self { typed, composed }
    }

    /// Returns the normalized password.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.composed
    }

    /// Returns the input of hashes from before [`Password::for_bcrypt`]: the text as typed, unless it is too long for that.
    #[must_use]
    pub fn expose_typed(&self) -> Option<&str> {
        FORMER_BYTES.contains(&self.typed.len()).then_some(&self.typed)
    }

    /// Returns the input of bcrypt, which would read only 72 bytes of the password: the password's HMAC-SHA-256 in base64, with the hash's own salt
    /// as the key (22 characters, as bcrypt writes it). It cannot be computed from a plain SHA-256 digest, so leaked digests of other systems are of no use
    /// against these hashes. The form is that of passlib's `bcrypt_sha256`, version 2.
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
    fn the_length_is_counted_in_characters() {
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
            // Decomposed, these are twice as many code points.
            (&"e\u{301}".repeat(7), Err(InvalidPassword::TooShort)),
            (&"e\u{301}".repeat(128), Ok(())),
            ("12345678\0", Err(InvalidPassword::Nul)),
            ("\0", Err(InvalidPassword::TooShort)),
        ] {
            assert_eq!(Password::parse(text.to_owned()).map(drop), expected, "{text:?}");
        }
    }

    #[test]
    fn former_passwords_can_still_be_checked() {
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
    fn nothing_but_the_composition_of_letters_is_changed() {
        for text in ["  padded  ", "MiXeD CaSe", "tab\there now", "ﬁnance ﬁrst", "zero\u{200b}width"] {
            assert_eq!(Password::parse(text.to_owned()).unwrap().expose(), text);
        }
        let (composed, decomposed) = ("café naïve 4711", "cafe\u{301} nai\u{308}ve 4711");
        let password = Password::parse(decomposed.to_owned()).unwrap();
        assert_eq!(password.expose(), composed);
        assert_eq!(password.expose_typed(), Some(decomposed));
    }

    #[test]
    fn former_hashes_cover_at_most_71_bytes() {
        let typed = |text: String| Password::parse(text).unwrap().expose_typed().map(str::len);
        assert_eq!(typed("a".repeat(71)), Some(71));
        assert_eq!(typed("a".repeat(72)), None);
        assert_eq!(typed("ж".repeat(36)), None);
    }

    /// Values from passlib 1.7.4; the first one is the example in its documentation.
    #[test]
    fn the_input_of_bcrypt_equals_passlibs() {
        let password = Password::parse("password".to_owned()).unwrap();
        assert_eq!(
            password.for_bcrypt("n79VH.0Q2TMWmt3Oqt9uku").as_str(),
            "7CwRr5rxo2JZcVmSDAi/2JPTkvkAdNy20Cz2LwYC0fw="
        );
        assert_ne!(password.for_bcrypt("a"), password.for_bcrypt("b"));
    }

    #[test]
    fn debug_does_not_show_the_password() {
        let password = Password::parse("correct horse".to_owned()).unwrap();
        assert_eq!(format!("{password:?}"), "Password(..)");
    }
}
