//! The life of a process: arguments, telemetry, signals, the exit code.

use std::error::Error;
use std::process::ExitCode;

use clap::{Arg, ArgAction, Command, CommandFactory, FromArgMatches, Parser};
use rowhouse_tls::TlsFileError;
use rowhouse_tokens::TrustError;
use tracing::Level;

use crate::config::{self, LogFormat, PlaintextError, TelemetryArgs};
#[cfg(feature = "db")]
use crate::database::DatabaseError;
use crate::grpc::BindError;
pub use crate::open_files::raise_open_files;
use crate::shutdown::Shutdown;
use crate::telemetry;

/// Any error, as a sentence for the person who started the program.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// A program that serves until it is asked to stop. Each [`Service`](crate::service::Service) is one.
pub trait Program {
    /// The program's name, such as `rowhouse-gateway`.
    const NAME: &'static str;
    /// The program's arguments.
    type Config: Parser;

    /// Returns the arguments for logs and traces.
    fn telemetry(config: &Self::Config) -> &TelemetryArgs;

    /// Does what a start does before it binds and connects: reads files and keys, and parses addresses.
    fn check(config: Self::Config) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// Serves until `shutdown` is requested and all running work is finished.
    fn serve(config: Self::Config, shutdown: Shutdown) -> impl Future<Output = Result<(), BoxError>> + Send;
}

/// The reason why a program does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The trusted keys cannot be read.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The database cannot be reached or used.
    #[cfg(feature = "db")]
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Calls would not be encrypted, and this is production.
    #[error(transparent)]
    Plaintext(#[from] PlaintextError),
    /// The certificates cannot be read.
    #[error(transparent)]
    Tls(#[from] TlsFileError),
    /// The address cannot be bound.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Another error, of this program alone.
    #[error(transparent)]
    Own(BoxError),
}

/// The flag that checks the configuration instead of serving. It is no setting, so it has no variable.
const CHECK: &str = "check-config";

fn command<P: Program>() -> Command {
    let check = Arg::new(CHECK).long(CHECK).action(ArgAction::SetTrue).help_heading("Options");
    P::Config::command().arg(check.help(
        "Check the configuration and exit: read all files and keys, and parse all addresses, without listening or connecting",
    ))
}

/// Runs the program of this process: reads its arguments, serves until a signal, and sends the last spans whatever happens.
#[must_use]
pub fn run<P: Program>() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    let format = LogFormat::asked_for(&arguments);
    let parsed = config::matches(command::<P>(), arguments)
        .and_then(|matches| Ok((P::Config::from_arg_matches(&matches)?, matches.get_flag(CHECK))));
    let (config, check_only) = match parsed {
        Ok(parsed) => parsed,
        // People see colours, and the help that they ask for.
        Err(error) if format == LogFormat::Text || !error.use_stderr() => error.exit(),
        Err(error) => {
            let (text, code) = (error.to_string(), error.exit_code());
            let text = text.trim().trim_start_matches("error: ");
            telemetry::print_end(format, P::NAME, Level::ERROR, text);
            return u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from);
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ended = runtime
        .map_err(BoxError::from)
        .and_then(|runtime| runtime.block_on(Box::pin(live::<P>(config, check_only))));
    match ended {
        Ok(()) if check_only => {
            telemetry::print_end(format, P::NAME, Level::INFO, "the configuration is valid");
            ExitCode::SUCCESS
        }
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            telemetry::print_end(format, P::NAME, Level::ERROR, &error.to_string());
            ExitCode::FAILURE
        }
    }
}

async fn live<P: Program>(config: P::Config, check_only: bool) -> Result<(), BoxError> {
    let mut args = P::telemetry(&config).clone();
    // The port may be in use by the very program that is to get this configuration.
    args.admin_listen = args.admin_listen.filter(|_| !check_only);
    if check_only {
        telemetry::check(&args)?;
        args.otlp_endpoint = None;
    }
    let telemetry = telemetry::init(&args, P::NAME)?;
    raise_open_files();
    let served =
        if check_only { P::check(config).await } else { P::serve(config, Shutdown::on_signals()?).await };
    telemetry.shutdown().await;
    served
}
