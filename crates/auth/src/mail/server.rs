//! The configured SMTP server and public URL.

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, Tokio1Executor};
use url::{Host, Url};

use super::MailError;

/// The time limit of one step of the SMTP dialogue.
const STEP_TIMEOUT: Duration = Duration::from_secs(15);
/// The number of connections that are kept open.
const CONNECTIONS: u32 = 4;

/// Parses the public URL and returns it without a trailing slash.
pub(super) fn public_url(text: &str, production: bool) -> Result<String, MailError> {
    let url = Url::parse(text).or(Err(MailError::PublicUrl))?;
    let usable = match url.scheme() {
        "https" => true,
        "http" => !production || is_here(&url),
        _ => false,
    };
    if !usable || url.host().is_none() || url.query().is_some() || url.fragment().is_some() {
        return Err(MailError::PublicUrl);
    }
    Ok(text.trim_end_matches('/').to_owned())
}

pub(super) fn smtp(
    url: &str,
    ca_file: Option<&Path>,
    production: bool,
) -> Result<AsyncSmtpTransport<Tokio1Executor>, MailError> {
    let unusable = |reason: String| MailError::SmtpUrl(reason);
    let parsed = Url::parse(url).map_err(|error| unusable(error.to_string()))?;
    let host = parsed.host_str().filter(|host| !host.is_empty());
    let host = host.ok_or_else(|| unusable("it has no host".to_owned()))?.to_owned();
    let starttls = parsed.query_pairs().find(|(key, _)| key == "tls").map(|(_, value)| value.into_owned());
    let encrypted = parsed.scheme() == "smtps" || starttls.as_deref() == Some("required");
    if production && !encrypted && !is_here(&parsed) {
        return Err(MailError::Unencrypted);
    }
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
        .map_err(|error| unusable(error.to_string()))?
        .timeout(Some(STEP_TIMEOUT))
        .pool_config(PoolConfig::new().max_size(CONNECTIONS));
    if let Some(path) = ca_file {
        let tls = trusting(host, path)?;
        builder = match (parsed.scheme(), starttls.as_deref()) {
            ("smtps", _) => builder.tls(Tls::Wrapper(tls)),
            (_, Some("required")) => builder.tls(Tls::Required(tls)),
            (_, Some(_)) => builder.tls(Tls::Opportunistic(tls)),
            (_, None) => builder,
        };
    }
    Ok(builder.build())
}

/// Creates TLS parameters that trust only the authorities in the file.
fn trusting(host: String, path: &Path) -> Result<TlsParameters, MailError> {
    let unusable = |reason: String| MailError::Authorities { path: path.to_owned(), reason };
    let pem = fs::read(path).map_err(|error| unusable(error.to_string()))?;
    // From a file without certificates the library would create an authority that has signed nothing.
    if !String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----") {
        return Err(unusable("there is no certificate in it".to_owned()));
    }
    let authorities = Certificate::from_pem(&pem).map_err(|error| unusable(error.to_string()))?;
    TlsParameters::builder(host)
        .certificate_store(CertificateStore::None)
        .add_root_certificate(authorities)
        .build()
        .map_err(|error| unusable(error.to_string()))
}

/// Returns whether a URL leads to this machine, so that nobody can listen. The parser recognises addresses only in
/// the hosts of `http` and similar schemes; other hosts are texts.
fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
        }
        None => false,
    }
}
