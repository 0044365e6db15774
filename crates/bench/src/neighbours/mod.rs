//! Measures the effect of neighbours on a tenant: the same operations alone and beside them, in turns in the same
//! run.
//!
//! The ratios matter; the absolute figures depend on the machine.

mod black_hole;
mod exports;
mod requests;

use std::io::Write;
use std::time::Duration;

use crate::Failure;
use crate::report::{Figures, median, milliseconds};
use crate::system::System;

/// An operation, alone and beside neighbours.
struct Comparison {
    what: String,
    /// The percentile that has a goal, and the allowed ratio to the one alone.
    goal: (Percentile, f64),
    alone: Vec<Figures>,
    beside: Vec<Figures>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Percentile {
    P50,
    P99,
}

impl Comparison {
    fn new(what: impl Into<String>, percentile: Percentile, most: f64) -> Self {
        Self { what: what.into(), goal: (percentile, most), alone: Vec::new(), beside: Vec::new() }
    }

    fn write(&self, out: &mut impl Write) -> std::io::Result<()> {
        let of =
            |rounds: &[Figures], percentile| median(rounds.iter().map(|figures| at(figures, percentile)));
        let (alone, beside) = (|p| of(&self.alone, p), |p| of(&self.beside, p));
        let ratio = |percentile| beside(percentile) / alone(percentile);
        let (percentile, most) = self.goal;
        let met = if ratio(percentile) <= most { "yes" } else { "no" };
        writeln!(
            out,
            "| {} | {:.1} / {:.1} | {:.1} / {:.1} | {:.2} | {:.2} | {percentile:?} at most {most} | {met} |",
            self.what,
            alone(Percentile::P50),
            alone(Percentile::P99),
            beside(Percentile::P50),
            beside(Percentile::P99),
            ratio(Percentile::P50),
            ratio(Percentile::P99),
        )
    }
}

fn at(figures: &Figures, percentile: Percentile) -> f64 {
    milliseconds(match percentile {
        Percentile::P50 => figures.p50,
        Percentile::P99 => figures.p99,
    })
}

/// Runs each measurement for a number of seconds per round, and prints the result. `maintenance` is the number of due
/// maintenance jobs.
pub(crate) async fn run(
    system: &System,
    seconds: u64,
    rounds: usize,
    maintenance: u32,
) -> Result<(), Failure> {
    system.onboard("quiet")?;
    system.fill_orders(200)?;
    let lasting = Duration::from_secs(seconds);
    let mut comparisons = vec![exports::beside_black_holes(system, lasting, rounds).await?];
    comparisons.extend(requests::beside_a_busy_tenant(system, seconds, rounds)?);
    comparisons.push(exports::beside_maintenance(system, lasting, rounds, maintenance).await?);

    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{rounds} rounds in turns, {seconds} s a measurement; medians of the rounds, in milliseconds\n"
    )?;
    writeln!(out, "| what | alone p50 / p99 | beside p50 / p99 | ratio p50 | ratio p99 | goal | met |")?;
    writeln!(out, "|---|--:|--:|--:|--:|---|---|")?;
    for comparison in &comparisons {
        comparison.write(&mut out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_of_the_medians() {
        let figures = |millis: [u64; 2]| Figures {
            per_second: 1.0,
            p50: Duration::from_millis(millis[0]),
            p99: Duration::from_millis(millis[1]),
        };
        let mut comparison = Comparison::new("get", Percentile::P99, 1.5);
        comparison.alone = [[2, 8], [1, 900], [3, 7]].map(figures).into();
        comparison.beside = [[4, 12], [4, 11], [400, 13]].map(figures).into();
        let mut written = Vec::new();
        comparison.write(&mut written).unwrap();
        let written = String::from_utf8(written).unwrap();
        assert_eq!(written, "| get | 2.0 / 8.0 | 4.0 / 12.0 | 2.00 | 1.50 | P99 at most 1.5 | yes |\n");
    }
}
