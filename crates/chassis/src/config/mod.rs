//! Arguments that several programs share. Each has an environment variable. A program flattens those that it needs
//! into its own parser.

mod admission;
#[cfg(feature = "db")]
mod database;
mod each_service;
mod environment;
mod rate_limits;
mod telemetry;
mod tls;
mod variables;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::ParseIntError;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use rowhouse_tokens::Issuers;

pub use admission::AdmissionArgs;
#[cfg(feature = "db")]
pub use database::DatabaseArgs;
pub use each_service::{EachService, OfEachService};
pub use environment::Environment;
pub use rate_limits::{GATEWAY_TENANT_RATE, RateLimitArgs};
pub use telemetry::{Exporter, LogFormat, OtlpProtocol, TelemetryArgs, TracesSampler};

pub use tls::{CallTlsArgs, PlaintextError, ServerTlsArgs, TlsArgs};
pub use variables::matches;

use rate_limits::SERVICE_TENANT_RATE;

use crate::rate_limit::RateLimits;

/// Parses a whole number of seconds. It is the value parser of every duration.
pub fn seconds(text: &str) -> Result<Duration, ParseIntError> {
    text.parse().map(Duration::from_secs)
}

/// The arguments of a gRPC server.
#[derive(Args, Clone, Debug)]
#[command(
    next_help_heading = "gRPC server",
    mut_arg("tenant_rate_limit", |argument| argument.default_value(SERVICE_TENANT_RATE)),
)]
pub struct GrpcArgs {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, env = "ROWHOUSE_LISTEN", value_name = "ADDRESS:PORT")]
    pub listen: SocketAddr,
    /// Serve gRPC reflection, by which tools find the methods (for development)
    #[arg(long, env = "ROWHOUSE_REFLECTION", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub reflection: bool,
    /// Maximum duration of a request, in seconds; a caller may request less
    #[arg(long, env = "ROWHOUSE_REQUEST_TIMEOUT", value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub request_timeout: Duration,
    /// Age at which a connection is asked to end, in seconds, so that its client finds new instances; 0 for no limit
    #[arg(
        long,
        env = "ROWHOUSE_MAX_CONNECTION_AGE",
        value_name = "SECONDS",
        default_value = "300",
        value_parser = seconds,
    )]
    pub max_connection_age: Duration,
    /// The calls that run at once, and the connections.
    #[command(flatten)]
    pub admission: AdmissionArgs,
    /// The limits on calls.
    #[command(flatten)]
    pub rate_limits: RateLimitArgs,
    /// The certificates.
    #[command(flatten)]
    pub tls: ServerTlsArgs,
    /// The trusted proxies: the gateway, for the origin of a call.
    #[command(flatten)]
    pub proxies: ProxyArgs,
}

impl GrpcArgs {
    /// Creates arguments for a server at `listen` that trusts the gateway on this machine, with defaults for the rest and without
    /// rate limits.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            reflection: false,
            request_timeout: Duration::from_secs(10),
            max_connection_age: Duration::from_secs(300),
            admission: AdmissionArgs::default(),
            rate_limits: RateLimits::default().into(),
            tls: ServerTlsArgs::default(),
            proxies: ProxyArgs::this_machine(),
        }
    }
}

/// The arguments for the keys that verify access tokens.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Keys")]
pub struct TrustArgs {
    /// Directory with one file `<issuer>.jwks.json` for each issuer whose tokens are accepted
    #[arg(long, env = "ROWHOUSE_TRUST_DIR", value_name = "DIRECTORY")]
    pub trust_dir: PathBuf,
    /// The URL by which clients reach the gateway, such as `https://api.example.com`: the issuer of access tokens, the same for all
    /// programs. Further ones, separated by commas, are accepted as well, while it changes
    #[arg(long, env = "ROWHOUSE_ISSUER", value_name = "URL")]
    pub issuer: Issuers,
}

impl TrustArgs {
    /// Creates arguments for development, in which the gateway is at its usual address.
    #[must_use]
    pub fn new(trust_dir: PathBuf) -> Self {
        Self { trust_dir, issuer: Issuers::development() }
    }
}

/// The arguments for the keys with which a service signs its tokens.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Keys")]
pub struct SigningArgs {
    /// Directory with the Ed25519 keys (PEM, PKCS #8) of this service: `current.pem` signs its tokens, `next.pem` and
    /// `previous.pem` may be missing or empty; changes take effect without a restart
    #[arg(long, env = "ROWHOUSE_SIGNING_KEYS", value_name = "DIRECTORY")]
    pub signing_keys: PathBuf,
}

/// The arguments for trusted proxies.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Proxies")]
pub struct ProxyArgs {
    /// Networks whose `x-forwarded-for` is trusted, such as those of the load balancer, separated by commas; none by default. A
    /// caller that has proved who it is by mutual TLS is trusted as well
    #[arg(long, env = "ROWHOUSE_TRUSTED_PROXIES", value_name = "NETWORKS", value_delimiter = ',')]
    pub trusted_proxies: Vec<IpNet>,
}

impl ProxyArgs {
    /// Trusts only this machine.
    #[must_use]
    pub fn this_machine() -> Self {
        const V4: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8);
        Self { trusted_proxies: vec![V4.into(), Ipv6Net::from(Ipv6Addr::LOCALHOST).into()] }
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::rate_limit::RateLimit;

    #[derive(Parser)]
    struct Everything {
        #[command(flatten)]
        grpc: GrpcArgs,
        #[command(flatten)]
        trust: TrustArgs,
        #[command(flatten)]
        signing: SigningArgs,
        #[command(flatten)]
        telemetry: TelemetryArgs,
        #[command(flatten)]
        environment: Environment,
        #[cfg(feature = "db")]
        #[command(flatten)]
        database: DatabaseArgs,
    }

    fn parse(arguments: &str) -> Result<Everything, clap::Error> {
        let needed = "test --listen 127.0.0.1:0 --trust-dir trust --issuer https://a --signing-keys keys --database-url postgres:///";
        let needed = if cfg!(feature = "db") { needed } else { needed.split(" --database").next().unwrap() };
        Everything::try_parse_from(needed.split(' ').chain(arguments.split_whitespace()))
    }

    #[test]
    fn the_arguments_fit_together_and_each_has_a_variable_and_a_help_text() {
        let command = Everything::command();
        command.clone().debug_assert();
        for argument in command.get_arguments() {
            assert!(argument.get_env().is_some(), "{argument:?}");
            assert!(argument.get_help().is_some(), "{argument:?}");
        }
    }

    #[test]
    fn defaults() {
        let parsed = parse("").unwrap();
        assert_eq!(parsed.grpc.request_timeout, Duration::from_secs(10));
        assert_eq!(parsed.grpc.max_connection_age, Duration::from_secs(300));
        assert!(!parsed.grpc.reflection);
        assert!(parsed.grpc.proxies.trusted_proxies.is_empty());
        let of_one = "100:500".parse().unwrap();
        let rates = RateLimits { tenant: "200:1000".parse().unwrap(), user: of_one, api_key: of_one };
        assert_eq!(parsed.grpc.rate_limits.limits(), rates);
        let at_the_gateway: RateLimit = GATEWAY_TENANT_RATE.parse().unwrap();
        assert_eq!(rates.tenant.half(), at_the_gateway);
        assert_eq!(parsed.environment, Environment::Production);
        assert_eq!(parsed.telemetry.log_format, LogFormat::Text);
        assert_eq!(parsed.telemetry.log, TelemetryArgs::default().log);
        assert_eq!(parsed.telemetry.otlp_endpoint, None);
        assert_eq!(parsed.trust.trust_dir, PathBuf::from("trust"));
        assert_eq!(parsed.trust.issuer.current().as_str(), "https://a");
        assert_eq!(parsed.signing.signing_keys, PathBuf::from("keys"));
    }

    #[test]
    fn values() {
        let parsed = parse("--reflection --request-timeout 3 --environment dev --log-format json").unwrap();
        assert!(parsed.grpc.reflection);
        assert_eq!(parsed.grpc.request_timeout, Duration::from_secs(3));
        assert_eq!(parsed.environment, Environment::Dev);
        assert_eq!(parsed.telemetry.log_format, LogFormat::Json);
        let rates = |arguments| parse(arguments).unwrap().grpc.rate_limits.limits();
        assert_eq!(rates("--tenant-rate-limit 0"), RateLimits::default());
        let given = rates("--tenant-rate-limit 10:100 --user-rate-limit 7:9");
        let expected = ["10:100", "7:9", "5:50"].map(|limit| limit.parse().unwrap());
        assert_eq!([given.tenant, given.user, given.api_key], expected);
        assert!(parse("--request-timeout 1.5").is_err());
        assert!(parse("--tenant-rate-limit 100/s").is_err());
        assert!(parse("--environment staging").is_err());
    }

    /// The defaults are declared twice: for the parser, and for code that creates the arguments.
    #[cfg(feature = "db")]
    #[test]
    fn defaults_of_the_database() {
        let parsed = parse("").unwrap().database;
        assert_eq!(format!("{parsed:?}"), format!("{:?}", DatabaseArgs::new("postgres:///")));
    }

    #[cfg(feature = "db")]
    #[test]
    fn the_database_is_named_by_a_url_or_by_a_file_with_one() {
        let others = "test --listen 127.0.0.1:0 --trust-dir trust --issuer https://a --signing-keys keys";
        let parse =
            |database: &str| Everything::try_parse_from(others.split(' ').chain(database.split_whitespace()));
        assert!(parse("").is_err());
        assert_eq!(
            parse("--database-url postgres:///").unwrap().database.to_config(Environment::Dev).url_file,
            None
        );
        let config = parse("--database-url-file /run/url").unwrap().database.to_config(Environment::Dev);
        assert_eq!((config.url.as_str(), config.url_file), ("", Some("/run/url".into())));
    }

    #[cfg(feature = "db")]
    #[test]
    fn the_database_url_is_not_shown() {
        let parsed = parse("--database-pool-size 1").unwrap();
        assert_eq!(parsed.database.to_config(Environment::Dev).pool_size, 1);
        let args = DatabaseArgs::new("postgres://rowhouse_orders:hunter2@db/rowhouse");
        assert!(!format!("{args:?}").contains("hunter2"));
        assert_eq!(args.to_config(Environment::Dev).url, "postgres://rowhouse_orders:hunter2@db/rowhouse");
        assert!(parse("--database-pool-size 0").is_err());
    }
}
