//! The tokens of emailed links that belong to a person and not to a tenant.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::InvalidToken;
use crate::encryption::{Digest32, random, sha256};

const PREFIX: &str = "rowhouse_otl_";
const LENGTH: usize = 32;

/// The purpose of a link. A token is valid for its purpose only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OneTimePurpose {
    VerifyEmail,
    SetPassword,
}

impl OneTimePurpose {
    /// Returns the name in the table.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::SetPassword => "set_password",
        }
    }
}

/// A token of 256 random bits. Its holder reads the person's email.
pub(crate) struct OneTimeToken(Zeroizing<[u8; LENGTH]>);

impl OneTimeToken {
    /// The lifetime of a new person's links, which includes the time until the email is read.
    pub(crate) const FIRST_LIFETIME: Duration = Duration::from_hours(7 * 24);
    /// The lifetime of a link that was just requested.
    pub(crate) const RESET_LIFETIME: Duration = Duration::from_mins(30);

    pub(crate) fn generate() -> Result<Self, getrandom::Error> {
        Ok(Self(Zeroizing::new(random()?)))
    }

    /// Parses the form of such a token; whether it exists is in the table.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidToken> {
        let encoded = text.trim().strip_prefix(PREFIX).ok_or(InvalidToken)?;
        let mut bytes = Zeroizing::new([0; LENGTH]);
        match BASE64_URL_SAFE_NO_PAD.decode_slice(encoded, &mut *bytes) {
            Ok(LENGTH) => Ok(Self(bytes)),
            _ => Err(InvalidToken),
        }
    }

    /// Returns the digest, which is stored.
    pub(crate) fn digest(&self) -> Digest32 {
        sha256(&*self.0)
    }

    /// Returns the token itself. A secret: never log it.
    pub(crate) fn expose(&self) -> String {
        format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(*self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_back() {
        let token = OneTimeToken::generate().unwrap();
        let text = token.expose();
        assert_eq!(text.len(), PREFIX.len() + 43);
        assert_eq!(OneTimeToken::parse(&format!(" {text}\n")).unwrap().digest(), token.digest());
        assert_ne!(OneTimeToken::generate().unwrap().digest(), token.digest());
    }

    #[test]
    fn other_texts_are_refused() {
        let text = OneTimeToken::generate().unwrap().expose();
        let (prefix, secret) = text.split_at(PREFIX.len());
        for text in [
            "",
            prefix,
            secret,
            &text[..text.len() - 1],
            &format!("{text}A"),
            &format!("rowhouse_rt_{secret}"),
        ] {
            assert!(OneTimeToken::parse(text).is_err(), "{text:?}");
        }
    }
}
