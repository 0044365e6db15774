//! The program `rowhouse`, which runs the command line.

use std::process::ExitCode;

use rowhouse::cli;

#[tokio::main]
async fn main() -> ExitCode {
    Box::pin(cli::run(cli::parse())).await
}
