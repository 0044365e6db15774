//! The parts that all services have in common, and the trait [`Service`] for the others.
//!
//! A service implements [`Service`]: its name in the catalog, its own arguments, and [`Service::build`], which makes its gRPC
//! services and background tasks of them. Everything else is done here: the shared arguments, keys, the database and its audit,
//! health, authentication, rate limits, draining. `main` is `run::<Orders>()`; the launcher and tests use [`App`].

mod app;
mod audit;
mod core;
mod parts;
mod tasks;
mod usage;

use std::fmt::Debug;

use clap::{Args, Parser};
use rowhouse_catalog::ServiceName;

use crate::config::{DatabaseArgs, Environment, GrpcArgs, TelemetryArgs, TrustArgs};
use crate::program::{BoxError, Program};
use crate::shutdown::Shutdown;

pub use app::{App, RunError};
pub use core::Core;
pub use parts::Parts;
pub use tasks::TaskError;

/// A service, with its own arguments and parts.
pub trait Service: Clone + Debug + Send + Sync + 'static {
    /// The service's name in the catalog.
    const NAME: ServiceName;
    /// The encoded `google.protobuf.FileDescriptorSet` with its gRPC services. It declares who may call each method, and
    /// reflection shows it.
    const DESCRIPTORS: &'static [u8];
    /// The arguments that it has besides those of every service.
    type Args: Args + Clone + Debug + Send + Sync;

    /// Creates the service's parts. The database has been opened and audited before.
    fn build(core: &Core, args: Self::Args) -> impl Future<Output = Result<Parts, BoxError>> + Send;
}

/// The arguments of a service.
#[derive(Clone, Debug, Parser)]
#[command(
    name = S::NAME.program(),
    about = format!("Rowhouse's {} service: {}", S::NAME, S::NAME.about()),
    version,
)]
pub struct Config<S: Service> {
    /// The service's own arguments.
    #[command(flatten)]
    pub args: S::Args,
    /// The gRPC server.
    #[command(flatten)]
    pub grpc: GrpcArgs,
    /// Its database, as its own role.
    #[command(flatten)]
    pub database: DatabaseArgs,
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

impl<S: Service> Program for S {
    const NAME: &'static str = S::NAME.program();
    type Config = Config<S>;

    fn telemetry(config: &Config<S>) -> &TelemetryArgs {
        &config.telemetry
    }

    async fn check(config: Config<S>) -> Result<(), BoxError> {
        Ok(App::check(config).await?)
    }

    async fn serve(config: Config<S>, shutdown: Shutdown) -> Result<(), BoxError> {
        let app = App::build(config).await?;
        tracing::info!(address = %app.address(), "{} listens on {}", S::NAME, app.address());
        Ok(app.serve(shutdown).await?)
    }
}
