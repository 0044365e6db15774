//! The tokens of mailed links that belong to a person and no tenant.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::InvalidToken;
use crate::sealing::{Digest32, random, sha256};

const PREFIX: &str = "rowhouse_otl_";
const LENGTH: usize = 32;

/// What a link is for. A token for one purpose is nothing for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OneTimePurpose {
    VerifyEmail,
    SetPassword,
}

impl OneTimePurpose {
    /// The name in the table.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::SetPassword => "set_password",
        }
    }
}

/// A token of 256 random bits. Whoever has it is whoever reads the person's mail.
pub(crate) struct OneTimeToken(Zeroizing<[u8; LENGTH]>);

impl OneTimeToken {
    /// How long a new person's links are good: the address waits for its owner to find the letter.
    pub(crate) const FIRST_LIFETIME: Duration = Duration::from_hours(7 * 24);
    /// How long a link is good that somebody has just asked for.
    pub(crate) const RESET_LIFETIME: Duration = Duration::from_mins(30);

    pub(crate) fn generate() -> Result<Self, getrandom::Error> {
        Ok(Self(Zeroizing::new(random()?)))
    }

    /// Reads what has the form of such a token; whether there is one is said by the table.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidToken> {
        let encoded = text.trim().strip_prefix(PREFIX).ok_or(InvalidToken)?;
        let mut bytes = Zeroizing::new([0; LENGTH]);
        match BASE64_URL_SAFE_NO_PAD.decode_slice(encoded, &mut *bytes) {
            Ok(LENGTH) => Ok(Self(bytes)),
            _ => Err(InvalidToken),
        }
    }

    /// What is kept of it.
    pub(crate) fn digest(&self) -> Digest32 {
        sha256(&*self.0)
    }

    /// The token itself. A secret: never log it.
    pub(crate) fn expose(&self) -> String {
        format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(*self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_is_read_back() {
        let token = OneTimeToken::generate().unwrap();
        let text = token.expose();
        assert_eq!(text.len(), PREFIX.len() + 43);
        assert_eq!(OneTimeToken::parse(&format!(" {text}\n")).unwrap().digest(), token.digest());
        assert_ne!(OneTimeToken::generate().unwrap().digest(), token.digest());
    }

    #[test]
    fn what_has_another_form_is_refused() {
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
