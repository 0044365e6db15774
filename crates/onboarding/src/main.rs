//! The program of the onboarding service.

use std::process::ExitCode;

fn main() -> ExitCode {
    rowhouse_chassis::run::<rowhouse_onboarding::Onboarding>()
}
