//! The life of a process: arguments, telemetry, signals, the exit code.

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use rowhouse_tokens::TrustError;

use crate::config::TelemetryArgs;
#[cfg(feature = "db")]
use crate::database::DatabaseError;
use crate::grpc::BindError;
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
    /// The address cannot be bound.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Another error, of this program alone.
    #[error(transparent)]
    Own(BoxError),
}

/// Runs the program of this process: reads its arguments, serves until a signal, and sends the last spans whatever happens.
#[must_use]
pub fn run<P: Program>() -> ExitCode {
    let config = P::Config::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ended =
        runtime.map_err(BoxError::from).and_then(|runtime| runtime.block_on(Box::pin(live::<P>(config))));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", P::NAME);
            ExitCode::FAILURE
        }
    }
}

async fn live<P: Program>(config: P::Config) -> Result<(), BoxError> {
    let telemetry = telemetry::init(P::telemetry(&config), P::NAME)?;
    let shutdown = Shutdown::on_signals()?;
    let served = P::serve(config, shutdown).await;
    telemetry.shutdown().await;
    served
}
