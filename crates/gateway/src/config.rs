//! The service's configuration.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Arg, ArgAction, Args, Parser};
use rowhouse_catalog::ServiceName;
use rowhouse_chassis::config::{
    AdmissionArgs, CallTlsArgs, EachService, Environment, GATEWAY_TENANT_RATE, OfEachService, ProxyArgs,
    RateLimitArgs, TelemetryArgs, TlsArgs, TrustArgs, seconds,
};

/// The number of connections: as many as the memory of its pod carries, 768 MiB, even if a body of 1 MiB arrives on each at once, which
/// takes 300 KiB until it is refused (`just bench-connections`).
const CONNECTIONS: &str = "2000";

/// The endpoint of each service.
pub type Endpoints = OfEachService<Endpoint>;

/// The URL of a service, or several.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint;

impl EachService for Endpoint {
    const SUFFIX: &'static str = "endpoint";
    type Parsed = String;
    type Value = String;

    fn argument(service: ServiceName, argument: Arg) -> Arg {
        let help = format!(
            "Where the {service} service is, such as `https://rowhouse-{service}:{}`: calls are spread over all addresses that the \
             name has, or over several URLs separated by commas",
            service.port()
        );
        argument.required(true).value_name("URL").help(help)
    }

    fn value(parsed: Option<String>) -> Option<String> {
        parsed
    }
}

/// The arguments for TLS between clients and the gateway.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "HTTPS")]
pub struct HttpTlsArgs {
    /// PEM file with the certificate that clients see, and those of its intermediate authorities after it: with it, the gateway
    /// serves HTTPS. This file and the key are read again when they change
    #[arg(long, env = "ROWHOUSE_HTTP_TLS_CERTIFICATE", value_name = "FILE", requires = "http_tls_key")]
    pub http_tls_certificate: Option<PathBuf>,
    /// PEM file with the private key of the certificate
    #[arg(long, env = "ROWHOUSE_HTTP_TLS_KEY", value_name = "FILE", requires = "http_tls_certificate")]
    pub http_tls_key: Option<PathBuf>,
    /// Clients reach the gateway by HTTPS only, through a proxy that terminates TLS: answers have Strict-Transport-Security, as they
    /// have if the gateway serves HTTPS itself
    #[arg(
        long,
        env = "ROWHOUSE_BEHIND_TLS",
        action = ArgAction::SetTrue,
        value_parser = BoolishValueParser::new(),
    )]
    pub behind_tls: bool,
    /// Time for which Strict-Transport-Security makes clients use HTTPS only, in seconds
    #[arg(
        long,
        env = "ROWHOUSE_HSTS_MAX_AGE",
        value_name = "SECONDS",
        default_value = Self::HSTS_MAX_AGE,
        value_parser = seconds,
    )]
    pub hsts_max_age: Duration,
}

impl HttpTlsArgs {
    /// A year.
    const HSTS_MAX_AGE: &str = "31536000";
}

impl Default for HttpTlsArgs {
    fn default() -> Self {
        Self {
            http_tls_certificate: None,
            http_tls_key: None,
            behind_tls: false,
            hsts_max_age: seconds(Self::HSTS_MAX_AGE).unwrap_or_default(),
        }
    }
}

/// Rowhouse's gateway: the REST API in front of the services.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "rowhouse-gateway",
    version,
    mut_arg("tenant_rate_limit", |argument| argument.default_value(GATEWAY_TENANT_RATE)),
    mut_arg("max_connections", |argument| argument.default_value(CONNECTIONS)),
)]
pub struct Config {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, env = "ROWHOUSE_HTTP_LISTEN", value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// The endpoints of the services.
    #[command(flatten)]
    pub endpoints: Endpoints,
    /// Maximum duration of a request, in seconds, from the arrival of its head to the beginning of the answer
    #[arg(
        long,
        env = "ROWHOUSE_REQUEST_TIMEOUT",
        value_name = "SECONDS",
        default_value = "10",
        value_parser = seconds,
    )]
    pub request_timeout: Duration,
    /// The calls to each service that run at once, and the connections.
    #[command(flatten)]
    pub admission: AdmissionArgs,
    /// The TLS of its own server.
    #[command(flatten)]
    pub http_tls: HttpTlsArgs,
    /// The certificate with which it calls the services.
    #[command(flatten)]
    pub tls: TlsArgs,
    /// The authorities of the services' certificates.
    #[command(flatten)]
    pub calls: CallTlsArgs,
    /// The rate limits, which are lower than the services', so that services do not refuse what the gateway let
    /// through.
    #[command(flatten)]
    pub rate_limits: RateLimitArgs,
    /// The trusted proxies.
    #[command(flatten)]
    pub proxies: ProxyArgs,
    /// The trusted keys.
    #[command(flatten)]
    pub trust: TrustArgs,
    /// The settings of logs and traces.
    #[command(flatten)]
    pub telemetry: TelemetryArgs,
    /// Development or production.
    #[command(flatten)]
    pub environment: Environment,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_argument_has_a_variable_and_a_help_text() {
        let command = Config::command();
        command.clone().debug_assert();
        for argument in command.get_arguments() {
            assert!(argument.get_env().is_some(), "{argument:?}");
            assert!(argument.get_help().is_some(), "{argument:?}");
        }
    }

    #[test]
    fn defaults() {
        let endpoints =
            ServiceName::ALL.iter().map(|service| format!("--{service}-endpoint=http://{service}"));
        let others = ["rowhouse-gateway", "--trust-dir=t", "--issuer=https://d"].map(str::to_owned);
        let config = Config::try_parse_from(others.into_iter().chain(endpoints)).unwrap();
        assert_eq!(config.listen, "127.0.0.1:8080".parse().unwrap());
        assert_eq!(config.request_timeout, Duration::from_secs(10));
        let rates = config.rate_limits.limits();
        assert_eq!(rates.tenant, "100:500".parse().unwrap());
        assert_eq!([rates.user, rates.api_key], ["50:250".parse().unwrap(); 2]);
        assert!(config.proxies.trusted_proxies.is_empty());
        assert_eq!(format!("{:?}", config.http_tls), format!("{:?}", HttpTlsArgs::default()));
        assert_eq!(config.http_tls.hsts_max_age, Duration::from_hours(365 * 24));
    }
}
