//! The configured SMTP server and public URL.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, Tokio1Executor};
use url::{Host, Url};

use super::MailError;
use crate::MailArgs;

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

/// The source of the SMTP server's settings.
#[derive(Clone)]
pub(super) struct SmtpSource {
    url: Location,
    ca_file: Option<PathBuf>,
    production: bool,
}

#[derive(Clone)]
enum Location {
    Given(String),
    File(PathBuf),
}

/// The settings, as they were read at a moment.
#[derive(PartialEq)]
struct Settings {
    url: String,
    authorities: Option<Vec<u8>>,
}

impl SmtpSource {
    /// Returns where the settings are, or `None` if there is no server.
    pub(super) fn of(args: &MailArgs, production: bool) -> Option<Self> {
        let given = args.smtp_url.clone().map(Location::Given);
        let url = given.or_else(|| args.smtp_url_file.clone().map(Location::File))?;
        Some(Self { url, ca_file: args.smtp_ca_file.clone(), production })
    }

    fn read(&self) -> Result<Settings, MailError> {
        let url = match &self.url {
            Location::Given(url) => url.clone(),
            Location::File(path) => {
                let failed = |reason| MailError::SmtpUrlFile { path: path.clone(), reason };
                fs::read_to_string(path).map_err(failed)?.trim().to_owned()
            }
        };
        let authorities = self.ca_file.as_ref().map(|path| {
            let failed = |error: std::io::Error| MailError::Authorities {
                path: path.clone(),
                reason: error.to_string(),
            };
            fs::read(path).map_err(failed)
        });
        Ok(Settings { url, authorities: authorities.transpose()? })
    }

    fn transport(&self, settings: &Settings) -> Result<SmtpTransport, MailError> {
        let authorities = self.ca_file.as_deref().zip(settings.authorities.as_deref());
        smtp(&settings.url, authorities, self.production)
    }
}

type SmtpTransport = AsyncSmtpTransport<Tokio1Executor>;

/// The SMTP server. Its settings are read before each email, so that a new password or authority needs no restart.
pub(super) struct SmtpServer {
    source: SmtpSource,
    current: Mutex<(Settings, SmtpTransport)>,
}

impl SmtpServer {
    /// Reads the settings.
    pub(super) fn open(source: SmtpSource) -> Result<Self, MailError> {
        let settings = source.read()?;
        let transport = source.transport(&settings)?;
        Ok(Self { source, current: Mutex::new((settings, transport)) })
    }

    /// Returns the transport with the settings of this moment. Invalid ones are logged, and the last valid ones remain.
    pub(super) async fn current(&self) -> SmtpTransport {
        let source = self.source.clone();
        let read = tokio::task::spawn_blocking(move || source.read()).await;
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = match read {
            Ok(Ok(settings)) if settings == current.0 => Ok(()),
            Ok(Ok(settings)) => {
                self.source.transport(&settings).map(|transport| *current = (settings, transport))
            }
            Ok(Err(error)) => Err(error),
            // The thread panicked, or the program ends.
            Err(_stopped) => Ok(()),
        };
        if let Err(error) = changed {
            tracing::warn!("the settings of the SMTP server stay as they are: {error}");
        }
        current.1.clone()
    }
}

fn smtp(
    url: &str,
    authorities: Option<(&Path, &[u8])>,
    production: bool,
) -> Result<SmtpTransport, MailError> {
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
    if let Some((path, pem)) = authorities {
        let tls = trusting(host, path, pem)?;
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
fn trusting(host: String, path: &Path, pem: &[u8]) -> Result<TlsParameters, MailError> {
    let unusable = |reason: String| MailError::Authorities { path: path.to_owned(), reason };
    // From a file without certificates the library would create an authority that has signed nothing.
    if !String::from_utf8_lossy(pem).contains("-----BEGIN CERTIFICATE-----") {
        return Err(unusable("there is no certificate in it".to_owned()));
    }
    let authorities = Certificate::from_pem(pem).map_err(|error| unusable(error.to_string()))?;
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
