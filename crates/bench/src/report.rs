//! The figures of measurements.

use std::io::Write;
use std::time::Duration;

/// The operation that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Get,
    List,
    Create,
}

/// The place where it is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Surface {
    Pgbench,
    Grpc,
    Rest,
}

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    pub(crate) per_second: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

impl Figures {
    /// Computes the figures from the latencies.
    pub(crate) fn of(mut latencies: Vec<Duration>, lasting: Duration) -> Option<Self> {
        latencies.sort_unstable();
        let at = |percent: usize| latencies.get(latencies.len().saturating_sub(1) * percent / 100).copied();
        let count = u32::try_from(latencies.len()).ok()?;
        Some(Self { per_second: f64::from(count) / lasting.as_secs_f64(), p50: at(50)?, p99: at(99)? })
    }
}

/// All measurements, for a table.
pub(crate) struct Report {
    concurrency: usize,
    seconds: u64,
    rows: Vec<(Operation, Surface, Figures)>,
}

impl Report {
    pub(crate) fn new(concurrency: usize, seconds: u64) -> Self {
        Self { concurrency, seconds, rows: Vec::new() }
    }

    pub(crate) fn add(&mut self, operation: Operation, surface: Surface, figures: Figures) {
        self.rows.push((operation, surface, figures));
    }

    /// Prints a Markdown table.
    pub(crate) fn print(&self) {
        let mut out = std::io::stdout().lock();
        // A closed pipe is the reader's choice.
        drop(self.write(&mut out));
    }

    fn write(&self, out: &mut impl Write) -> std::io::Result<()> {
        writeln!(out, "{} concurrent requests, {} s each\n", self.concurrency, self.seconds)?;
        writeln!(out, "| operation | where | req/s | p50 ms | p99 ms | ratio to pgbench |")?;
        writeln!(out, "|---|---|--:|--:|--:|--:|")?;
        for (operation, surface, figures) in &self.rows {
            let floor = self
                .rows
                .iter()
                .find(|(other, surface, _)| other == operation && *surface == Surface::Pgbench)
                .map_or(f64::NAN, |(_, _, floor)| floor.per_second);
            writeln!(
                out,
                "| {operation:?} | {surface:?} | {:.0} | {:.2} | {:.2} | {:.2} |",
                figures.per_second,
                figures.p50.as_secs_f64() * 1e3,
                figures.p99.as_secs_f64() * 1e3,
                figures.per_second / floor,
            )?;
        }
        Ok(())
    }
}
