//! The issuers of tokens.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use rowhouse_catalog::ServiceName;
use url::Url;

/// The auth service: the name of its file of public keys. Its access tokens have a URL as their issuer, see [`Issuers`].
pub const AUTH: &str = ServiceName::Auth.program();
/// The onboarding service: the name of its file of public keys, and the claim `iss` of its tokens.
pub const ONBOARDING: &str = ServiceName::Onboarding.program();
/// The issuer of access tokens in development: the gateway's usual address.
pub const DEVELOPMENT: &str = "http://127.0.0.1:8080";

/// The claim `iss` of access tokens: a URL as RFC 8414 has it, but without a path. It is the address of the gateway, which
/// serves the metadata and the keys under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerUrl(Arc<str>);

/// The error of parsing a text that cannot be an issuer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no issuer: write https://, a host, and a port if it is not 443, such as https://api.example.com"
)]
pub struct InvalidIssuer(String);

impl IssuerUrl {
    /// Returns the URL, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether it is an `https` URL, as RFC 8414 demands.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https:")
    }
}

impl FromStr for IssuerUrl {
    type Err = InvalidIssuer;

    fn from_str(text: &str) -> Result<Self, InvalidIssuer> {
        let invalid = || InvalidIssuer(text.to_owned());
        let url = Url::parse(text).or(Err(invalid()))?;
        let origin = url.origin().ascii_serialization();
        // An origin has nothing but the scheme, the host and the port.
        let nothing_else = url.as_str().strip_prefix(&origin) == Some("/");
        if nothing_else && matches!(url.scheme(), "https" | "http") {
            Ok(Self(origin.into()))
        } else {
            Err(invalid())
        }
    }
}

impl fmt::Display for IssuerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The issuer of access tokens, and others whose tokens are accepted while it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuers {
    current: IssuerUrl,
    accepted: Vec<IssuerUrl>,
}

impl Issuers {
    /// Returns the issuer that signs.
    #[must_use]
    pub const fn current(&self) -> &IssuerUrl {
        &self.current
    }

    /// Returns [`DEVELOPMENT`].
    #[must_use]
    pub fn development() -> Self {
        IssuerUrl(DEVELOPMENT.into()).into()
    }

    /// Returns every issuer whose access tokens are accepted.
    pub(crate) fn accepted(&self) -> impl Iterator<Item = &str> {
        [&self.current].into_iter().chain(&self.accepted).map(IssuerUrl::as_str)
    }
}

impl From<IssuerUrl> for Issuers {
    fn from(current: IssuerUrl) -> Self {
        Self { current, accepted: Vec::new() }
    }
}

impl FromStr for Issuers {
    type Err = InvalidIssuer;

    /// Parses a list with commas. The first one signs.
    fn from_str(text: &str) -> Result<Self, InvalidIssuer> {
        let (current, others) =
            text.split_once(',').map_or((text, None), |(first, rest)| (first, Some(rest)));
        let accepted = others
            .into_iter()
            .flat_map(|others| others.split(','))
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        Ok(Self { current: current.parse()?, accepted })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_an_origin() {
        for (text, url) in [
            ("https://api.example.com", "https://api.example.com"),
            ("https://API.example.com:443/", "https://api.example.com"),
            ("https://api.example.com:8443", "https://api.example.com:8443"),
            (DEVELOPMENT, DEVELOPMENT),
            ("http://[::1]:80", "http://[::1]"),
        ] {
            let issuer: IssuerUrl = text.parse().unwrap();
            assert_eq!(issuer.as_str(), url);
            assert_eq!(issuer.is_https(), text.starts_with("https"));
        }
        for text in [
            "",
            "rowhouse-auth",
            "api.example.com",
            "ftp://api.example.com",
            "https://",
            "https://api.example.com/auth",
            "https://api.example.com?a",
            "https://api.example.com/#a",
            "https://me@api.example.com",
            "data:text/plain,x",
        ] {
            assert_eq!(text.parse::<IssuerUrl>(), Err(InvalidIssuer(text.to_owned())));
        }
    }

    #[test]
    fn the_first_of_several_signs() {
        let issuers: Issuers = "https://new.example,https://old.example".parse().unwrap();
        assert_eq!(issuers.current().as_str(), "https://new.example");
        let accepted: Vec<_> = issuers.accepted().collect();
        assert_eq!(accepted, ["https://new.example", "https://old.example"]);
        for text in ["", "https://new.example,", ",https://old.example"] {
            assert!(text.parse::<Issuers>().is_err(), "{text}");
        }
    }
}
