//! Recovery codes, for a person without their device.

use std::fmt;

use zeroize::Zeroizing;

use crate::encryption::{Digest32, random, sha256};

/// The number of bytes: 120 bits are random enough for a plain digest (OWASP ASVS 5, 6.5.2).
const LENGTH: usize = 15;
/// The number of characters, with five bits each.
const CHARACTERS: usize = LENGTH * 8 / 5;
/// The number of characters in a group, for copying by hand.
const GROUP: usize = 4;
/// The number of codes of a person.
const COUNT: usize = 10;

/// A single-use code in place of one from the device. Its text is base32 (RFC 4648) in groups; case, dashes and
/// blanks are ignored.
pub(crate) struct RecoveryCode(Zeroizing<String>);

impl RecoveryCode {
    pub(crate) fn generate() -> Result<Self, getrandom::Error> {
        let bytes = Zeroizing::new(random::<LENGTH>()?);
        Ok(Self(Zeroizing::new(totp_rs::Secret::from(*bytes).to_base32())))
    }

    /// Generates the codes of a person.
    pub(crate) fn generate_set() -> Result<Vec<Self>, getrandom::Error> {
        (0..COUNT).map(|_| Self::generate()).collect()
    }

    /// Parses a code. Returns `None` for a text that cannot be one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let code: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        let code = Zeroizing::new(code.to_ascii_uppercase());
        let base32 = |byte: u8| matches!(byte, b'A'..=b'Z' | b'2'..=b'7');
        (code.len() == CHARACTERS && code.bytes().all(base32)).then_some(Self(code))
    }

    /// Returns the digest, which is stored.
    pub(crate) fn digest(&self) -> Digest32 {
        sha256(self.0.as_bytes())
    }

    /// Returns the text, which is shown once. A secret: never log it.
    pub(crate) fn expose(&self) -> String {
        let mut shown = String::with_capacity(CHARACTERS + CHARACTERS / GROUP);
        for (at, character) in self.0.chars().enumerate() {
            if at > 0 && at % GROUP == 0 {
                shown.push('-');
            }
            shown.push(character);
        }
        shown
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        let code = RecoveryCode::generate().unwrap();
        let shown = code.expose();
        assert_eq!(shown.len(), 29, "{shown}");
        assert!(shown.split('-').all(|group| group.len() == 4), "{shown}");
        for typed in [
            shown.clone(),
            shown.to_lowercase(),
            shown.replace('-', ""),
            shown.replace('-', " "),
            format!(" {shown}\n"),
        ] {
            assert_eq!(RecoveryCode::parse(&typed).unwrap().digest(), code.digest(), "{typed:?}");
        }
    }

    #[test]
    fn other_texts_are_no_recovery_codes() {
        let shown = RecoveryCode::generate().unwrap().expose();
        for typed in [
            "",
            "123456",
            &shown[..28],
            &format!("{shown}A"),
            &"1".repeat(24),
            &"8".repeat(24),
            &"ä".repeat(12),
            &"=".repeat(24),
        ] {
            assert!(RecoveryCode::parse(typed).is_none(), "{typed:?}");
        }
    }

    #[test]
    fn a_set_has_no_code_twice() {
        let mut set: Vec<_> =
            RecoveryCode::generate_set().unwrap().iter().map(RecoveryCode::digest).collect();
        set.sort_unstable();
        set.dedup();
        assert_eq!(set.len(), 10);
    }
}
