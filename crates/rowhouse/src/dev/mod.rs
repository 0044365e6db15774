//! The whole system on one machine: a private PostgreSQL, the services and the gateway in one process.
//!
//! The services are the ones of their own binaries, through the same `App`; they talk over real sockets and
//! log in with their own roles.

mod database;
mod directory;
mod emails;
mod endpoints;
mod error;
mod greeting;
mod listen;
mod secrets;
mod stop;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use rowhouse_auth::{MailArgs, SignUpArgs};
use rowhouse_chassis::config::{
    AdmissionArgs, GATEWAY_TENANT_RATE, OfEachService, RateLimitArgs, TelemetryArgs,
};
use rowhouse_chassis::program::raise_open_files;
use rowhouse_chassis::telemetry;

use database::Database;
use directory::DataDirectory;
use emails::EmailPrinter;
use endpoints::Endpoints;
pub(crate) use endpoints::database_url;
pub use error::DevError;
pub use listen::Listen;
use secrets::Secrets;
use stop::Stop;

use rowhouse_keys::KeyDirectory;
use rowhouse_keys::encryption_keys;
use rowhouse_system::mail_directory::MailDirectory;
use rowhouse_system::{Parts, System, url};
use rowhouse_tokens::Issuers;
use tracing::Level;

/// The name of this process in logs and traces.
const NAME: &str = "rowhouse";

/// The time to wait for readiness. Services that take longer log why.
const READY_LIMIT: Duration = Duration::from_secs(10);

/// The arguments of `rowhouse dev`.
#[derive(Args)]
#[command(mut_arg("tenant_rate_limit", |argument| argument.default_value(GATEWAY_TENANT_RATE)))]
pub struct DevArgs {
    /// Directory for the data, the keys and the log of PostgreSQL
    #[arg(long, env = "ROWHOUSE_DATA_DIR", value_name = "DIRECTORY", default_value = ".rowhouse")]
    pub data_dir: PathBuf,
    /// Address and port of the gateway; here and below, port 0 means any free one
    #[arg(long, env = "ROWHOUSE_HTTP_LISTEN", value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    pub http: SocketAddr,
    /// URL by which clients reach the gateway, which is the issuer of access tokens; by default the gateway's own address
    #[arg(long, env = "ROWHOUSE_ISSUER", value_name = "URL")]
    pub issuer: Option<Issuers>,
    /// The addresses that the services listen on.
    #[command(flatten)]
    pub listen: OfEachService<Listen>,
    /// URL of a database on a running PostgreSQL, with the login of an administrator; without it, a private PostgreSQL is started
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// PEM file with the authorities that may have signed the database's certificate
    #[arg(long, env = "ROWHOUSE_DATABASE_CA_FILE", value_name = "FILE")]
    pub database_ca_file: Option<PathBuf>,
    /// Directory of PostgreSQL's programs; without it, PATH and the usual places are searched
    #[arg(long, env = "PG_BIN_DIR", value_name = "DIRECTORY")]
    pub pg_bin_dir: Option<PathBuf>,
    /// The gateway's request limits. Those of the services are twice as high.
    #[command(flatten)]
    pub rate_limits: RateLimitArgs,
    /// The calls that run at once in each service, and the connections to each part.
    #[command(flatten)]
    pub admission: AdmissionArgs,
    /// The limits on sign-ups.
    #[command(flatten)]
    pub sign_ups: SignUpArgs,
    /// The settings of logs and traces.
    #[command(flatten)]
    pub telemetry: TelemetryArgs,
}

impl DevArgs {
    /// Returns the URL. An empty variable means none.
    fn database_url(&self) -> Option<&str> {
        self.database_url.as_deref().filter(|url| !url.is_empty())
    }

    fn pg_bin_dir(&self) -> Option<&Path> {
        self.pg_bin_dir.as_deref().filter(|directory| !directory.as_os_str().is_empty())
    }
}

/// Runs everything until a signal, or until a part ends by itself, which is an error. An error is printed in the format of the log
/// lines.
pub async fn run(args: DevArgs) -> ExitCode {
    let format = args.telemetry.log_format;
    match Box::pin(serve(args)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            telemetry::print_end(format, NAME, Level::ERROR, &error.to_string());
            ExitCode::FAILURE
        }
    }
}

async fn serve(args: DevArgs) -> Result<(), DevError> {
    let telemetry = telemetry::init(&args.telemetry, NAME)?;
    raise_open_files();
    let mut stop = Stop::on_signals().map_err(DevError::Signals)?;
    let outcome = tokio::select! {
        started = Box::pin(start(&args, telemetry.admin_address())) => match started {
            Ok(running) => Box::pin(running.until(&mut stop)).await,
            Err(error) => Err(error),
        },
        // Dropping stops what was started.
        () = stop.requested() => Ok(()),
    };
    telemetry.shutdown().await;
    outcome
}

/// The running parts. Fields are dropped in order.
struct Running {
    _emails: EmailPrinter,
    system: System,
    database: Database,
    directory: DataDirectory,
}

async fn start(args: &DevArgs, admin: Option<SocketAddr>) -> Result<Running, DevError> {
    let directory = DataDirectory::open(&args.data_dir)?;
    Endpoints::remove(directory.path())?;
    let addresses = listen::check(args)?;
    let secrets = Secrets::load_or_create(directory.path(), args.database_url().is_none())?;
    let database = Database::start(args, directory.path(), &secrets).await?;
    database.prepare(&secrets).await?;
    let keys = KeyDirectory::at(directory.path().join("keys"));
    keys.ensure()?;
    let encryption_keys = directory.path().join("keys/encryption.keys");
    encryption_keys::ensure(&encryption_keys)?;
    let mail_directory = directory.path().join("mail");
    let mail = MailArgs { public_url: url(addresses.gateway), ..MailArgs::into_directory(&mail_directory) };
    let databases = database.of_the_services(&secrets)?;
    let parts = Parts::new(addresses, keys, databases, mail, encryption_keys);
    let rate_limits = args.rate_limits.limits();
    let sign_ups = args.sign_ups.clone();
    let issuer = args.issuer.clone();
    let (telemetry, admission) = (args.telemetry.clone(), args.admission);
    let parts = Parts { issuer, telemetry, rate_limits, admission, sign_ups, ..parts };
    let emails = EmailPrinter::announce(MailDirectory::at(mail_directory));
    let system = Box::pin(System::start(parts)).await?;
    system.until_ready(READY_LIMIT).await;
    let endpoints = Endpoints::of(system.addresses(), database.admin_url(), admin);
    endpoints.write(directory.path())?;
    let greeting = greeting::text(&endpoints, directory.path(), database.log());
    if let Err(error) = io::stdout().lock().write_all(greeting.as_bytes()) {
        tracing::debug!(%error, "nobody reads the greeting");
    }
    Ok(Running { _emails: emails, system, database, directory })
}

impl Running {
    /// Waits for the end and stops everything: first the gateway, last the database.
    async fn until(mut self, stop: &mut Stop) -> Result<(), DevError> {
        let outcome = tokio::select! {
            () = stop.requested() => Ok(()),
            error = self.system.ended() => Err(error.into()),
            error = self.database.ended() => Err(error),
        };
        let removed = Endpoints::remove(self.directory.path());
        self.system.stop().await;
        self.database.stop().await;
        outcome.and(removed)
    }
}
