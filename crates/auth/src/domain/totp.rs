//! Time-based one-time passwords (RFC 6238): SHA-1, six digits, 30 seconds, which all authenticator applications
//! support.

use std::fmt;

use chrono::{DateTime, Utc};
use totp_rs::{Builder, TotpError};
use zeroize::Zeroizing;

use super::{RecoveryCode, UserId};
use crate::encryption::{DecryptError, EncryptionKeys, random};

/// The number of bytes: 160 bits, as RFC 4226 §4 recommends.
const SECRET_LENGTH: usize = 20;
const DIGITS: usize = 6;
/// The seconds for which a code is valid.
const STEP: u64 = 30;
/// The number of steps by which a device's clock may differ.
const SKEW: u64 = 1;
const ISSUER: &str = "Rowhouse";
const PURPOSE: &str = "totp";

/// The secret that a person's device and this service share.
pub(crate) struct TotpSecret(Zeroizing<[u8; SECRET_LENGTH]>);

impl TotpSecret {
    pub(crate) fn generate() -> Result<Self, getrandom::Error> {
        Ok(Self(Zeroizing::new(random()?)))
    }

    /// Encrypts the secret for one person's row.
    pub(crate) fn encrypt(&self, encryption: &EncryptionKeys, user: UserId) -> Result<Vec<u8>, DecryptError> {
        encryption.encrypt(PURPOSE, user.as_uuid().as_bytes(), &*self.0)
    }

    /// Decrypts the result of [`TotpSecret::encrypt`] for the same person.
    pub(crate) fn decrypt(
        encryption: &EncryptionKeys,
        user: UserId,
        ciphertext: &[u8],
    ) -> Result<Self, DecryptError> {
        let secret = encryption.decrypt(PURPOSE, user.as_uuid().as_bytes(), ciphertext)?;
        Ok(Self(Zeroizing::new(secret.as_slice().try_into().or(Err(DecryptError))?)))
    }

    /// Returns the secret for typing: base32 (RFC 4648), without padding. Shown once: never log it.
    pub(crate) fn base32(&self) -> String {
        totp_rs::Secret::from(*self.0).to_base32()
    }

    /// Returns the URL for a QR code. It contains the secret.
    pub(crate) fn url(&self, account: &str) -> Result<String, TotpError> {
        self.totp().with_issuer(Some(ISSUER)).with_account_name(account).build()?.to_url()
    }

    /// Returns the time step of a code that is valid at the moment. All codes are computed and compared in constant
    /// time.
    pub(crate) fn step_of(&self, code: &str, now: DateTime<Utc>) -> Option<i64> {
        // The types guarantee the length of the secret and the numbers, and nothing else can be invalid.
        let totp = self.totp().with_skew(0).build_noncompliant();
        let current = u64::try_from(now.timestamp()).ok()? / STEP;
        let window = current.saturating_sub(SKEW)..=current.saturating_add(SKEW);
        let step = window.fold(None, |found, step| totp.check(code, step.saturating_mul(STEP)).or(found))?;
        i64::try_from(step).ok()
    }

    fn totp(&self) -> Builder {
        Builder::new().with_step_duration(STEP).with_secret(*self.0)
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret(..)")
    }
}

/// A code of a second factor.
#[derive(Debug)]
pub(crate) enum MfaCode {
    /// Six digits.
    Totp(Zeroizing<String>),
    Recovery(RecoveryCode),
}

impl MfaCode {
    /// Parses a code. Blanks and dashes, which applications display, are ignored. Returns `None` for a text that is
    /// no code.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        if digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(Self::Totp(Zeroizing::new(digits)));
        }
        RecoveryCode::parse(text).map(Self::Recovery)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encryption::tests::encryption;

    /// Returns the secret of the test vectors for SHA-1 in RFC 6238, appendix B.
    fn of_the_rfc() -> TotpSecret {
        TotpSecret(Zeroizing::new(*b"12345678901234567890"))
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    /// The RFC's codes have eight digits, of which the last six are used.
    #[test]
    fn the_vectors_of_rfc_6238() {
        for (seconds, code) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            assert_eq!(of_the_rfc().step_of(&code[2..], at(seconds)), Some(seconds / 30), "{seconds}");
            assert_eq!(of_the_rfc().step_of(code, at(seconds)), None, "all eight are another code");
        }
    }

    #[test]
    fn a_clock_may_be_a_step_off_and_no_more() {
        let (secret, code, step) = (of_the_rfc(), "005924", 1_234_567_890 / 30);
        for (seconds, good) in [
            (step * 30 - 31, false),
            (step * 30 - 30, true),
            (step * 30, true),
            (step * 30 + 29, true),
            (step * 30 + 59, true),
            (step * 30 + 60, false),
        ] {
            assert_eq!(secret.step_of(code, at(seconds)), good.then_some(step), "{seconds}");
        }
        for moment in [at(0), at(-1), DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
            assert_eq!(secret.step_of(code, moment), None);
        }
    }

    #[test]
    fn other_texts_are_no_codes() {
        for code in ["", "05924", "0005924", "00592x", "+05924", " 05924", "٠٠٥٩٢٤"] {
            assert_eq!(of_the_rfc().step_of(code, at(1_234_567_890)), None, "{code:?}");
        }
    }

    #[test]
    fn a_secret_belongs_to_one_person() {
        let (encryption, ada, bob) = (encryption(), UserId::generate(), UserId::generate());
        let secret = TotpSecret::generate().unwrap();
        let ciphertext = secret.encrypt(&encryption, ada).unwrap();
        assert_eq!(TotpSecret::decrypt(&encryption, ada, &ciphertext).unwrap().0, secret.0);
        assert!(TotpSecret::decrypt(&encryption, bob, &ciphertext).is_err());
        assert_ne!(TotpSecret::generate().unwrap().0, secret.0);
    }

    #[test]
    fn the_url_says_whose_it_is_whatever_the_address() {
        let secret = of_the_rfc();
        assert_eq!(secret.base32(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        for (account, encoded) in [
            ("ada@example.com", "ada%40example.com"),
            ("ada+x&issuer=y@example.com", "ada%2Bx%26issuer%3Dy%40example.com"),
            ("a?b#c%d/e@example.com", "a%3Fb%23c%25d%2Fe%40example.com"),
            ("jürgen@example.com", "j%C3%BCrgen%40example.com"),
        ] {
            assert_eq!(
                secret.url(account).unwrap(),
                format!(
                    "otpauth://totp/Rowhouse:{encoded}?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Rowhouse"
                )
            );
        }
    }

    #[test]
    fn people_type_codes_in_several_ways() {
        for text in ["005924", " 005924\n", "005 924", "005-924"] {
            assert!(
                matches!(MfaCode::parse(text), Some(MfaCode::Totp(code)) if *code == "005924"),
                "{text:?}"
            );
        }
        for text in ["", "05924", "0005924", "00592x", "٠٠٥٩٢٤", &"1".repeat(10_000)] {
            assert!(MfaCode::parse(text).is_none(), "{text:?}");
        }
        let recovery = RecoveryCode::generate().unwrap();
        assert!(matches!(MfaCode::parse(&recovery.expose()), Some(MfaCode::Recovery(_))));
        let shown = format!("{:?} {:?}", MfaCode::parse("005924"), of_the_rfc());
        assert!(!shown.contains("123"), "{shown}");
    }
}
