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
#[derive(Clone, Copy, Debug, Default)]
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
        Some(Self { per_second: per_second(latencies.len(), lasting), p50: at(50)?, p99: at(99)? })
    }
}

/// Returns a rate.
pub(crate) fn per_second(count: usize, lasting: Duration) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / lasting.as_secs_f64()
}

pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Returns the median, or not-a-number of no values.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    f64::midpoint(at(values.len().saturating_sub(1) / 2), at(values.len() / 2))
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
                milliseconds(figures.p50),
                milliseconds(figures.p99),
                figures.per_second / floor,
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert!(median([]).is_nan());
        assert_eq!(median([2.0, 9.0, 1.0]).to_string(), "2");
        assert_eq!(median([9.0, 1.0, 4.0, 2.0]).to_string(), "3");
    }

    #[test]
    fn percentiles_are_of_sorted_latencies() {
        let latencies = (1..=101).rev().map(Duration::from_millis).collect();
        let figures = Figures::of(latencies, Duration::from_secs(2)).unwrap();
        assert_eq!((figures.p50, figures.p99), (Duration::from_millis(51), Duration::from_millis(100)));
        assert_eq!(figures.per_second.to_string(), "50.5");
        assert!(Figures::of(Vec::new(), Duration::from_secs(1)).is_none());
    }
}
