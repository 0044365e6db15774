//! The arguments that this service alone has.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{BoolishValueParser, RangedI64ValueParser};
use clap::{ArgGroup, Args};
use rowhouse_chassis::config::{SigningArgs, seconds};
use rowhouse_jobs::WorkerArgs;

/// The longest lifetime of an access token.
const LONGEST_TOKEN_LIFETIME: &str = "600";

/// The arguments of the auth service besides those of every service.
#[derive(Args, Clone, Debug)]
pub struct AuthArgs {
    /// Cost of a password's hash: each step doubles the time; at least 10 in production
    #[arg(
        long,
        env = "ROWHOUSE_BCRYPT_COST",
        value_name = "COST",
        default_value = "12",
        value_parser = clap::value_parser!(u32).range(4..=18),
    )]
    pub bcrypt_cost: u32,
    /// Lifetime of an access token, in seconds; 600 at most
    #[arg(
        long,
        env = "ROWHOUSE_TOKEN_LIFETIME",
        value_name = "SECONDS",
        default_value = LONGEST_TOKEN_LIFETIME,
        value_parser = token_lifetime,
    )]
    pub token_lifetime: Duration,
    /// File with the keys that encrypt secrets in the database: one key per line, 32 random bytes in base64; the first key
    /// encrypts, all of them decrypt
    #[arg(long, env = "ROWHOUSE_ENCRYPTION_KEYS", value_name = "FILE")]
    pub encryption_keys: PathBuf,
    /// Require people to confirm their email address before they can log in; by default in production only
    #[arg(long, env = "ROWHOUSE_REQUIRE_VERIFIED_EMAIL", value_name = "BOOLEAN", value_parser = BoolishValueParser::new())]
    pub require_verified_email: Option<bool>,
    /// The keys that sign access tokens.
    #[command(flatten)]
    pub signing: SigningArgs,
    /// The lifetimes of sessions.
    #[command(flatten)]
    pub sessions: SessionArgs,
    /// The limits on sign-ups.
    #[command(flatten)]
    pub sign_ups: SignUpArgs,
    /// The settings for emails.
    #[command(flatten)]
    pub mail: MailArgs,
    /// The job workers.
    #[command(flatten)]
    pub jobs: WorkerArgs,
    /// The times after which old data is deleted.
    #[command(flatten)]
    pub retention: RetentionArgs,
}

/// The times after which old data is deleted, in days.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Retention")]
pub struct RetentionArgs {
    /// Time after which an entry of a tenant's audit log is deleted, in days; 30 at least
    #[arg(
        long = "audit-log-retention",
        env = "ROWHOUSE_AUDIT_LOG_RETENTION",
        value_name = "DAYS",
        default_value_t = Self::default().audit_log,
        value_parser = days(30),
    )]
    pub audit_log: i32,
    /// Time after which a person is deleted who is in no tenant, is not disabled and did not change, in days; 90 at least
    #[arg(
        long = "identity-retention",
        env = "ROWHOUSE_IDENTITY_RETENTION",
        value_name = "DAYS",
        default_value_t = Self::default().identities,
        value_parser = days(90),
    )]
    pub identities: i32,
    /// Time after which an entry of the record of operators' actions is deleted, in days; 365 at least
    #[arg(
        long = "operator-actions-retention",
        env = "ROWHOUSE_OPERATOR_ACTIONS_RETENTION",
        value_name = "DAYS",
        default_value_t = Self::default().operator_actions,
        value_parser = days(365),
    )]
    pub operator_actions: i32,
    /// Time after which the usage of a tenant on a day is deleted, in days; 90 at least
    #[arg(
        long = "usage-retention",
        env = "ROWHOUSE_USAGE_RETENTION",
        value_name = "DAYS",
        default_value_t = Self::default().usage,
        value_parser = days(90),
    )]
    pub usage: i32,
}

impl Default for RetentionArgs {
    /// Entries of more than a year, so that a year can be compared with the one before.
    fn default() -> Self {
        Self { audit_log: 400, identities: 400, operator_actions: 1100, usage: 400 }
    }
}

/// Parses days, at least as many as the database keeps in any case.
fn days(least: i64) -> RangedI64ValueParser<i32> {
    RangedI64ValueParser::new().range(least..=36_500)
}

/// The lifetimes of sessions.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Sessions")]
pub struct SessionArgs {
    /// Time after which an unused session ends, in seconds
    #[arg(
        long,
        env = "ROWHOUSE_SESSION_IDLE_LIFETIME",
        value_name = "SECONDS",
        default_value = Self::IDLE_LIFETIME,
        value_parser = seconds,
    )]
    pub session_idle_lifetime: Duration,
    /// Time after which a session ends in any case, in seconds
    #[arg(
        long,
        env = "ROWHOUSE_SESSION_LIFETIME",
        value_name = "SECONDS",
        default_value = Self::LIFETIME,
        value_parser = seconds,
    )]
    pub session_lifetime: Duration,
    /// Time after its exchange in which a refresh token may be sent again for the same answer, in seconds
    #[arg(
        long,
        env = "ROWHOUSE_REFRESH_GRACE",
        value_name = "SECONDS",
        default_value = Self::REFRESH_GRACE,
        value_parser = seconds,
    )]
    pub refresh_grace: Duration,
}

impl SessionArgs {
    /// Seven days.
    const IDLE_LIFETIME: &str = "604800";
    /// Thirty days.
    const LIFETIME: &str = "2592000";
    const REFRESH_GRACE: &str = "10";
}

impl Default for SessionArgs {
    fn default() -> Self {
        Self {
            session_idle_lifetime: in_seconds(Self::IDLE_LIFETIME),
            session_lifetime: in_seconds(Self::LIFETIME),
            refresh_grace: in_seconds(Self::REFRESH_GRACE),
        }
    }
}

/// The limits on sign-ups.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Sign-ups")]
pub struct SignUpArgs {
    /// Maximum number of tenants that are onboarded from one network (an IPv4 address or an IPv6 /64) per hour, and at once;
    /// four times as many from an IPv6 /48
    #[arg(
        long,
        env = "ROWHOUSE_SIGN_UPS_PER_NETWORK",
        value_name = "NUMBER",
        default_value_t = Self::DEFAULT.sign_ups_per_network,
        value_parser = clap::value_parser!(i32).range(1..=100_000),
    )]
    pub sign_ups_per_network: i32,
    /// Maximum number of tenants that are onboarded with one email address per hour, and at once, by callers that have not
    /// proved that it is theirs
    #[arg(
        long,
        env = "ROWHOUSE_SIGN_UPS_PER_ADDRESS",
        value_name = "NUMBER",
        default_value_t = Self::DEFAULT.sign_ups_per_address,
        value_parser = clap::value_parser!(i32).range(1..=100_000),
    )]
    pub sign_ups_per_address: i32,
}

impl Default for SignUpArgs {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl SignUpArgs {
    const DEFAULT: Self = Self { sign_ups_per_network: 20, sign_ups_per_address: 10 };

    /// Limits that tests of other things never reach.
    #[must_use]
    pub const fn generous() -> Self {
        Self { sign_ups_per_network: 100_000, sign_ups_per_address: 100_000 }
    }
}

/// The way to send email: by SMTP, or, in development, into a directory.
#[derive(Args, Clone)]
#[command(
    next_help_heading = "Mail",
    group = ArgGroup::new("mail").required(true).multiple(false).args(["smtp_url", "smtp_url_file", "mail_dir"]),
)]
#[group(skip)]
pub struct MailArgs {
    /// SMTP server, such as `smtps://user:password@mail.example.com` (TLS from the start) or
    /// `smtp://mail.example.com:587?tls=required` (STARTTLS)
    #[arg(long, env = "ROWHOUSE_SMTP_URL", value_name = "URL", hide_env_values = true)]
    pub smtp_url: Option<String>,
    /// File that contains this URL instead; it is read again when it changes, so the password in it may change
    #[arg(long, env = "ROWHOUSE_SMTP_URL_FILE", value_name = "FILE")]
    pub smtp_url_file: Option<PathBuf>,
    /// PEM file with the authorities that may have signed the SMTP server's certificate; without it, those that
    /// browsers trust. It is read again when it changes
    #[arg(long, env = "ROWHOUSE_SMTP_CA_FILE", value_name = "FILE", conflicts_with = "mail_dir")]
    pub smtp_ca_file: Option<PathBuf>,
    /// Directory to write emails to instead of sending them, one .eml file each
    #[arg(long, env = "ROWHOUSE_MAIL_DIR", value_name = "DIRECTORY")]
    pub mail_dir: Option<PathBuf>,
    /// Address that emails are sent from
    #[arg(
        long,
        env = "ROWHOUSE_MAIL_FROM",
        value_name = "ADDRESS",
        default_value = Self::FROM,
    )]
    pub mail_from: String,
    /// Base URL of the pages that the links in emails lead to
    #[arg(long, env = "ROWHOUSE_PUBLIC_URL", value_name = "URL", default_value = Self::PUBLIC_URL)]
    pub public_url: String,
}

impl MailArgs {
    const FROM: &str = "Rowhouse <rowhouse@localhost>";
    const PUBLIC_URL: &str = "http://localhost:8080";

    /// Creates settings that write emails into a directory, with defaults for the rest.
    #[must_use]
    pub fn into_directory(directory: impl Into<PathBuf>) -> Self {
        Self {
            smtp_url: None,
            smtp_url_file: None,
            smtp_ca_file: None,
            mail_dir: Some(directory.into()),
            mail_from: Self::FROM.to_owned(),
            public_url: Self::PUBLIC_URL.to_owned(),
        }
    }
}

impl fmt::Debug for MailArgs {
    /// Leaves out the URL, which contains a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailArgs")
            .field("smtp", &self.smtp_url.is_some())
            .field("smtp_url_file", &self.smtp_url_file)
            .field("mail_dir", &self.mail_dir)
            .field("mail_from", &self.mail_from)
            .field("public_url", &self.public_url)
            .finish_non_exhaustive()
    }
}

/// Parses a default of the command line. An invalid one becomes zero, which no test survives.
fn in_seconds(default: &str) -> Duration {
    seconds(default).unwrap_or_default()
}

fn token_lifetime(text: &str) -> Result<Duration, String> {
    match seconds(text).map_err(|error| error.to_string())? {
        Duration::ZERO => Err("it would have expired already".to_owned()),
        lifetime if lifetime > in_seconds(LONGEST_TOKEN_LIFETIME) => {
            Err(format!("{LONGEST_TOKEN_LIFETIME} seconds is the most"))
        }
        lifetime => Ok(lifetime),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::Config;

    fn parse(arguments: &str) -> Result<AuthArgs, clap::Error> {
        let needed = "rowhouse-auth --listen 127.0.0.1:0 --database-url postgres:/// --trust-dir t --issuer https://a --signing-keys k \
             --encryption-keys e --mail-dir m";
        let line = needed.split_whitespace().chain(arguments.split_whitespace());
        Config::try_parse_from(line).map(|config| config.args)
    }

    #[test]
    fn the_defaults_are_those_of_the_command_line() {
        let config = parse("").unwrap();
        assert_eq!(format!("{:?}", config.sessions), format!("{:?}", SessionArgs::default()));
        assert_eq!(format!("{:?}", config.sign_ups), format!("{:?}", SignUpArgs::default()));
        assert_eq!(format!("{:?}", config.jobs), format!("{:?}", WorkerArgs::default()));
        assert_eq!(config.sessions.session_idle_lifetime, Duration::from_hours(7 * 24));
        assert_eq!(config.sessions.session_lifetime, Duration::from_hours(30 * 24));
        assert_eq!(config.sessions.refresh_grace, Duration::from_secs(10));
    }

    #[test]
    fn values() {
        let config = parse("").unwrap();
        assert_eq!((config.bcrypt_cost, config.token_lifetime), (12, Duration::from_mins(10)));
        assert_eq!(parse("--token-lifetime 60").unwrap().token_lifetime, Duration::from_mins(1));
        let mail = parse("--mail-from a@b.example --public-url https://c.example").unwrap().mail;
        assert_eq!((mail.mail_from.as_str(), mail.public_url.as_str()), ("a@b.example", "https://c.example"));
        for refused in [
            "--smtp-url smtps://d.example",
            "--token-lifetime 601",
            "--token-lifetime 0",
            "--token-lifetime -1",
            "--bcrypt-cost 3",
            "--bcrypt-cost 31",
            "--sign-ups-per-network 0",
            "--sign-ups-per-address -1",
        ] {
            assert!(parse(refused).is_err(), "{refused}");
        }
    }
}
