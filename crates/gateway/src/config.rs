//! The service's configuration.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Arg, Parser};
use rowhouse_catalog::ServiceName;
use rowhouse_chassis::config::{
    EachService, Environment, GATEWAY_TENANT_RATE, OfEachService, ProxyArgs, RateLimitArgs, TelemetryArgs,
    TrustArgs, seconds,
};

/// The endpoint of each service.
pub type Endpoints = OfEachService<Endpoint>;

/// The URL of a service.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint;

impl EachService for Endpoint {
    const SUFFIX: &'static str = "endpoint";
    type Parsed = String;
    type Value = String;

    fn argument(service: ServiceName, argument: Arg) -> Arg {
        let help = format!("Where the {service} service is, such as `http://localhost:{}`", service.port());
        argument.required(true).value_name("URL").help(help)
    }

    fn value(parsed: Option<String>) -> Option<String> {
        parsed
    }
}

/// Rowhouse's gateway: the REST API in front of the services.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "rowhouse-gateway",
    version,
    mut_arg("tenant_rate_limit", |argument| argument.default_value(GATEWAY_TENANT_RATE)),
)]
pub struct Config {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, env = "ROWHOUSE_HTTP_LISTEN", value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// The endpoints of the services.
    #[command(flatten)]
    pub endpoints: Endpoints,
    /// Maximum time that a service may take to answer, in seconds
    #[arg(
        long,
        env = "ROWHOUSE_REQUEST_TIMEOUT",
        value_name = "SECONDS",
        default_value = "10",
        value_parser = seconds,
    )]
    pub request_timeout: Duration,
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
    /// Development or production: the gateway is the same in both.
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
        assert_eq!(config.proxies.trusted_proxies, ProxyArgs::default().trusted_proxies);
    }
}
