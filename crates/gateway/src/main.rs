//! The gateway as a program of its own.

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use rowhouse_chassis::shutdown::Shutdown;
use rowhouse_chassis::telemetry;
use rowhouse_gateway::Config;

#[tokio::main]
async fn main() -> ExitCode {
    match run(Config::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rowhouse-gateway: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(config: Config) -> Result<(), Box<dyn Error>> {
    let telemetry = telemetry::init(&config.telemetry, "rowhouse-gateway")?;
    let shutdown = Shutdown::on_signals()?;
    let served = rowhouse_gateway::serve(config, shutdown).await;
    telemetry.shutdown().await;
    Ok(served?)
}
