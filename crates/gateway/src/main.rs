//! The gateway as a program of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    rowhouse_chassis::run::<rowhouse_gateway::Gateway>()
}
