//! Measures commands of the program `rowhouse`, from their start to their end.

use std::time::{Duration, Instant};

use crate::Failure;
use crate::system::{System, output};

/// The least number of times.
const LEAST: usize = 3;

/// Runs a command one time after another until the time is over.
pub(super) fn measure(
    system: &System,
    arguments: &[&str],
    lasting: Duration,
) -> Result<Vec<Duration>, Failure> {
    let mut command = system.command(arguments)?;
    let mut latencies = Vec::new();
    let began = Instant::now();
    while latencies.len() < LEAST || began.elapsed() < lasting {
        let started = Instant::now();
        let printed = command.output()?;
        latencies.push(started.elapsed());
        output(&printed)?;
    }
    Ok(latencies)
}
