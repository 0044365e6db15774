//! The program of the gateway.

use std::process::ExitCode;

fn main() -> ExitCode {
    rowhouse_chassis::run::<rowhouse_gateway::Gateway>()
}
