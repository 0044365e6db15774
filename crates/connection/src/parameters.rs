//! The TLS parameters of a database URL, which tokio-postgres does not know.

use std::borrow::Cow;
use std::ops::Range;
use std::path::PathBuf;
use std::str::FromStr;

use crate::AddressError;

/// The encryption of a connection, as libpq's `sslmode` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SslMode {
    /// Not encrypted.
    Disable,
    /// Encrypted only if the server demands it.
    Allow,
    /// Encrypted if the server offers it.
    Prefer,
    /// Encrypted; the certificate is verified only if there are authorities to verify it against.
    Require,
    /// Encrypted, with a certificate that an authority has signed for any name.
    VerifyCa,
    /// Encrypted, with a certificate that an authority has signed for this host.
    VerifyFull,
}

impl FromStr for SslMode {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Ok(match text {
            "disable" => Self::Disable,
            "allow" => Self::Allow,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => return Err(AddressError::SslMode(text.to_owned())),
        })
    }
}

/// The parameters, as far as the URL has them.
#[derive(Default)]
pub(crate) struct Parameters {
    pub(crate) mode: Option<SslMode>,
    pub(crate) root_certificates: Option<PathBuf>,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
}

impl Parameters {
    /// Takes the parameters out of a URL, or of libpq's `key=value` form, and returns the rest of it.
    pub(crate) fn take(text: &str) -> Result<(Self, String), AddressError> {
        let is_url = ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme));
        let pairs = if is_url { in_query(text) } else { in_list(text) };
        let mut found = Self::default();
        let mut rest = String::with_capacity(text.len());
        let mut kept = 0;
        for Pair { name, value, place } in pairs {
            let path = || Some(PathBuf::from(value.as_ref()));
            match name {
                "sslmode" => found.mode = Some(value.parse()?),
                "sslrootcert" => found.root_certificates = path(),
                "sslcert" => found.certificate = path(),
                "sslkey" => found.key = path(),
                _ => continue,
            }
            rest.push_str(text.get(kept..place.start).unwrap_or_default());
            kept = place.end;
        }
        rest.push_str(text.get(kept..).unwrap_or_default());
        Ok((found, rest))
    }
}

struct Pair<'a> {
    name: &'a str,
    value: Cow<'a, str>,
    /// The bytes that are taken out with the pair, such as the separator after it.
    place: Range<usize>,
}

/// Returns the parameters after the question mark of a URL.
fn in_query(url: &str) -> Vec<Pair<'_>> {
    // A password may contain a question mark.
    let authority = url.find('@').unwrap_or(0);
    let Some(mark) = url.get(authority..).and_then(|rest| rest.find('?')) else { return Vec::new() };
    let mut start = authority.saturating_add(mark).saturating_add(1);
    let mut pairs = Vec::new();
    for pair in url.get(start..).unwrap_or_default().split('&') {
        let end = start.saturating_add(pair.len()).saturating_add(1).min(url.len());
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        // A value that is not UTF-8 is left as it is, and names no file.
        let value = percent_encoding::percent_decode_str(value).decode_utf8().unwrap_or(value.into());
        pairs.push(Pair { name, value, place: start..end });
        start = end;
    }
    pairs
}

/// Returns the parameters of the `key=value` form. It ends at the first error, which tokio-postgres reports.
fn in_list(text: &str) -> Vec<Pair<'_>> {
    let mut pairs = Vec::new();
    let mut start = 0;
    while let Some((pair, length)) = text.get(start..).and_then(first_in_list) {
        let end = start.saturating_add(length);
        pairs.push(Pair { place: start..end, ..pair });
        start = end;
    }
    pairs
}

/// Returns the first parameter and its length. A value is quoted, or ends at a space; a backslash protects what follows it.
fn first_in_list(text: &str) -> Option<(Pair<'_>, usize)> {
    let (name, after) = text.split_once('=')?;
    let mut characters = after.trim_start().chars();
    let quoted = characters.as_str().starts_with('\'');
    if quoted {
        characters.next();
    }
    let mut value = String::new();
    loop {
        match characters.next() {
            Some('\\') => value.extend(characters.next()),
            Some('\'') if quoted => break,
            Some(space) if !quoted && space.is_whitespace() => break,
            Some(character) => value.push(character),
            None if quoted => return None,
            None => break,
        }
    }
    let length = text.len().saturating_sub(characters.as_str().len());
    Some((Pair { name: name.trim(), value: value.into(), place: 0..0 }, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameters_are_taken_out_and_the_rest_stays() {
        for (text, rest) in [
            ("postgres://u:p@h/d", "postgres://u:p@h/d"),
            ("postgres://u:p@h/d?sslmode=verify-full", "postgres://u:p@h/d?"),
            (
                "postgres://u:p?sslmode=x@h/d?connect_timeout=3&sslmode=verify-full&application_name=d",
                "postgres://u:p?sslmode=x@h/d?connect_timeout=3&application_name=d",
            ),
            ("postgresql://h/d?connect_timeout=3&sslmode=verify-full", "postgresql://h/d?connect_timeout=3&"),
            ("host=h sslmode=verify-full user='a \\'b'", "host=h user='a \\'b'"),
            (
                "host=h password='sslmode=disable' sslmode = 'verify-full'",
                "host=h password='sslmode=disable'",
            ),
        ] {
            let (found, left) = Parameters::take(text).unwrap();
            assert_eq!(left, rest, "{text}");
            let expected = text.contains("verify-full").then_some(SslMode::VerifyFull);
            assert_eq!(found.mode, expected, "{text}");
            left.parse::<tokio_postgres::Config>().unwrap();
        }
    }

    #[test]
    fn files_are_named_in_both_forms() {
        for text in [
            "postgres://h/d?sslrootcert=/a%20b/ca.pem&sslcert=c.pem&sslkey=k.pem",
            "dbname=d sslrootcert='/a b/ca.pem' sslcert=c.pem sslkey=k.pem host=h",
        ] {
            let (found, rest) = Parameters::take(text).unwrap();
            let files = [found.root_certificates, found.certificate, found.key].map(Option::unwrap);
            assert_eq!(files, ["/a b/ca.pem", "c.pem", "k.pem"].map(PathBuf::from));
            assert!(!rest.contains("ssl"), "{rest}");
        }
    }

    #[test]
    fn an_unknown_mode_is_refused() {
        let error = Parameters::take("postgres://h/d?sslmode=verify_full").err().unwrap().to_string();
        assert!(error.contains("verify_full") && error.contains("verify-full"), "{error}");
    }
}
