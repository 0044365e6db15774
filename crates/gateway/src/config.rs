//! What can be configured.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;
use rowhouse_chassis::config::{Environment, ProxyArgs, TelemetryArgs, TrustArgs, seconds};
use rowhouse_chassis::rate_limit::{RateLimit, RateLimits};

/// Rowhouse's gateway: the REST API in front of the services.
#[derive(Clone, Debug, Parser)]
#[command(name = "rowhouse-gateway", version)]
pub struct Config {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, env = "ROWHOUSE_HTTP_LISTEN", value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Where the auth service is, such as `http://localhost:50051`
    #[arg(long, env = "ROWHOUSE_AUTH_ENDPOINT", value_name = "URL")]
    pub auth_endpoint: String,
    /// Where the onboarding service is, such as `http://localhost:50052`
    #[arg(long, env = "ROWHOUSE_ONBOARDING_ENDPOINT", value_name = "URL")]
    pub onboarding_endpoint: String,
    /// Where the orders service is, such as `http://localhost:50053`
    #[arg(long, env = "ROWHOUSE_ORDERS_ENDPOINT", value_name = "URL")]
    pub orders_endpoint: String,
    /// The longest time that a service may take to answer, in seconds
    #[arg(
        long,
        env = "ROWHOUSE_REQUEST_TIMEOUT",
        value_name = "SECONDS",
        default_value = "10",
        value_parser = seconds,
    )]
    pub request_timeout: Duration,
    /// Requests a second of one tenant, and how many at once, such as 100:500; 0 for no limit. Each instance counts for itself
    #[arg(long, env = "ROWHOUSE_TENANT_RATE_LIMIT", value_name = "RATE:BURST", default_value = "100:500")]
    pub tenant_rate_limit: RateLimit,
    /// The same of one API key
    #[arg(long, env = "ROWHOUSE_API_KEY_RATE_LIMIT", value_name = "RATE:BURST", default_value = "50:250")]
    pub api_key_rate_limit: RateLimit,
    /// Whom it believes about where a request comes from.
    #[command(flatten)]
    pub proxies: ProxyArgs,
    /// Whose tokens it believes.
    #[command(flatten)]
    pub trust: TrustArgs,
    /// Logs and traces.
    #[command(flatten)]
    pub telemetry: TelemetryArgs,
    /// Development or production: the gateway is the same in both.
    #[command(flatten)]
    pub environment: Environment,
}

impl Config {
    /// How many requests a tenant and an API key may send. Less than the services take, so that what passes here passes there.
    pub(crate) const fn rate_limits(&self) -> RateLimits {
        RateLimits { tenant: self.tenant_rate_limit, api_key: self.api_key_rate_limit }
    }
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
        let needed = "rowhouse-gateway --auth-endpoint http://a --onboarding-endpoint http://b \
                      --orders-endpoint http://c --trust-dir t";
        let config = Config::try_parse_from(needed.split_whitespace()).unwrap();
        assert_eq!(config.listen, "127.0.0.1:8080".parse().unwrap());
        assert_eq!(config.request_timeout, Duration::from_secs(10));
        assert_eq!(config.tenant_rate_limit, "100:500".parse().unwrap());
        assert_eq!(config.api_key_rate_limit, "50:250".parse().unwrap());
        assert_eq!(config.proxies.trusted_proxies, ProxyArgs::default().trusted_proxies);
    }
}
