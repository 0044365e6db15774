//! The program `rowhouse`, which runs the command line.

use std::process::ExitCode;

use clap::Parser;
use rowhouse::cli::{self, Cli};

#[tokio::main]
async fn main() -> ExitCode {
    Box::pin(cli::run(Cli::parse())).await
}
