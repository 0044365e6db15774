//! The program of the orders service.

use std::process::ExitCode;

fn main() -> ExitCode {
    rowhouse_chassis::run::<rowhouse_orders::Orders>()
}
