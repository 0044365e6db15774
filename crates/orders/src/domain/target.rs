//! [`Target`], the URL of an endpoint.

use url::{Host, Url};

use super::guard::Guard;

const MAX_LENGTH: usize = 2_048;
/// The first port that no system service uses.
const FIRST_UNPRIVILEGED_PORT: u16 = 1_024;

/// A URL to which deliveries may be sent. The addresses of its host are checked for each delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target(Url);

/// The reason why a text is not such a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidTarget {
    #[error("send an absolute URL of {MAX_LENGTH} characters at most, such as https://example.com/webhooks")]
    Malformed,
    #[error("leave out the fragment, which is not sent")]
    Fragment,
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
}

/// The reason why a URL is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotAllowed {
    #[error("webhooks are sent with TLS: use an https URL")]
    Scheme,
    #[error(
        "remove the user name and password from the URL: deliveries are authenticated by their signature"
    )]
    UserInfo,
    #[error("use port 443, or a port from {FIRST_UNPRIVILEGED_PORT} on")]
    Port,
    #[error(
        "use a host on the public Internet: webhooks are not sent to private, local or reserved addresses"
    )]
    Host,
}

impl Target {
    /// Parses a URL. IP addresses are recognised in every form: the parser is that of browsers, which reads `0x7f.1`,
    /// `2130706433` and `[::ffff:127.0.0.1]`.
    pub(crate) fn parse(text: &str, guard: Guard) -> Result<Self, InvalidTarget> {
        // The parser removes tabs, line breaks and surrounding spaces, so the stored URL would differ from the one
        // that was sent.
        if text.len() > MAX_LENGTH || text.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return Err(InvalidTarget::Malformed);
        }
        let url = Url::parse(text).or(Err(InvalidTarget::Malformed))?;
        match (url.scheme(), guard) {
            ("https", _) | ("http", Guard::Open) => {}
            ("http", Guard::PublicOnly) => return Err(NotAllowed::Scheme.into()),
            _ => return Err(InvalidTarget::Malformed),
        }
        if url.as_str().len() > MAX_LENGTH {
            return Err(InvalidTarget::Malformed);
        }
        if url.fragment().is_some() {
            return Err(InvalidTarget::Fragment);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(NotAllowed::UserInfo.into());
        }
        let target = Self(url);
        if guard == Guard::PublicOnly && !matches!(target.port(), 443 | FIRST_UNPRIVILEGED_PORT..) {
            return Err(NotAllowed::Port.into());
        }
        let host = target.host().ok_or(InvalidTarget::Malformed)?;
        if !guard.allows_host(&host) {
            return Err(NotAllowed::Host.into());
        }
        Ok(target)
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }

    pub(crate) fn host(&self) -> Option<Host<&str>> {
        self.0.host()
    }

    /// Returns the port. URLs of these schemes always have one; 0 is never used.
    pub(crate) fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or(0)
    }

    pub(crate) fn uses_tls(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Returns the value of the header `Host`.
    pub(crate) fn authority(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        self.0.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// Returns the path and query.
    pub(crate) fn path(&self) -> String {
        self.0.query().map_or_else(|| self.0.path().to_owned(), |query| format!("{}?{query}", self.0.path()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::guard::Guard::{Open, PublicOnly};
    use super::*;

    #[test]
    fn allowed_targets() {
        for (text, authority, path) in [
            ("https://example.com", "example.com", "/"),
            ("https://EXAMPLE.com:443/a?b=c", "example.com", "/a?b=c"),
            ("https://example.com:8443/ä", "example.com:8443", "/%C3%A4"),
            ("https://1.1.1.1/x", "1.1.1.1", "/x"),
            ("https://[2606:4700::1111]:1024/x", "[2606:4700::1111]:1024", "/x"),
            ("https://bücher.example/x", "xn--bcher-kva.example", "/x"),
        ] {
            let target = Target::parse(text, PublicOnly).unwrap();
            assert_eq!((target.authority().as_str(), target.path().as_str()), (authority, path));
            assert!(target.uses_tls());
        }
        let local = Target::parse("http://127.0.0.1:81/x", Open).unwrap();
        assert!(!local.uses_tls());
        assert_eq!(local.port(), 81);
    }

    #[test]
    fn forbidden_targets() {
        for (text, expected) in [
            ("http://example.com/", NotAllowed::Scheme),
            ("https://ada@example.com/", NotAllowed::UserInfo),
            ("https://ada:secret@example.com/", NotAllowed::UserInfo),
            ("https://:secret@example.com/", NotAllowed::UserInfo),
            ("https://example.com:80/", NotAllowed::Port),
            ("https://example.com:22/", NotAllowed::Port),
            ("https://example.com:1023/", NotAllowed::Port),
            ("https://example.com:0/", NotAllowed::Port),
        ] {
            assert_eq!(Target::parse(text, PublicOnly), Err(expected.into()), "{text}");
        }
        // One address in all the forms in which it can be written.
        for host in [
            "localhost",
            "localhost.",
            "127.0.0.1",
            "127.0.0.1.",
            "127.1",
            "0x7f.1",
            "0x7f000001",
            "2130706433",
            "017700000001",
            "0177.0.0.1",
            "127.0.0.1%2e",
            "①②⑦.⓪.⓪.①",
            "[::1]",
            "[0:0:0:0:0:0:0:1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "[64:ff9b::127.0.0.1]",
            "[2002:7f00:1::]",
            "0",
            "0.0.0.0",
            "10.1",
            "169.254.169.254",
            "2852039166",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "255.255.255.255",
            "metadata.google.internal",
            "orders",
        ] {
            let text = format!("https://{host}/latest/meta-data");
            assert_eq!(Target::parse(&text, PublicOnly), Err(NotAllowed::Host.into()), "{text}");
        }
    }

    #[test]
    fn invalid_urls() {
        let long = format!("https://example.com/{}", "a".repeat(MAX_LENGTH));
        // The normalized URL is longer than the text.
        let grows = format!("https://example.com/{}", "ä".repeat(900));
        for text in [
            "",
            "example.com",
            "/x",
            "//example.com/x",
            "https://",
            "https:///",
            "ftp://example.com/",
            "file:///etc/passwd",
            "gopher://example.com/",
            "javascript:alert(1)",
            "data:,x",
            " https://example.com/",
            "https://example.com/\n",
            "https://exa\tmple.com/",
            "https://example.com/a b",
            "https://[::1",
            "https://1.2.3.4.5/",
            "https://999.1.1.1/",
            "https://[fe80::1%25eth0]/",
            "https://example.com:65536/",
            "https://exa<mple.com/",
            &long,
            &grows,
        ] {
            for guard in [Open, PublicOnly] {
                assert_eq!(Target::parse(text, guard), Err(InvalidTarget::Malformed), "{text:?}");
            }
        }
        assert_eq!(Target::parse("https://example.com/#a", PublicOnly), Err(InvalidTarget::Fragment));
    }
}
