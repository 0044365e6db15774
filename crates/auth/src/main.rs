//! The program of the auth service.

use std::process::ExitCode;

fn main() -> ExitCode {
    rowhouse_chassis::run::<rowhouse_auth::Auth>()
}
