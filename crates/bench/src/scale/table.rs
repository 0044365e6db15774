//! The figures of both systems, as tables.

use std::io::{Result, Write};

use super::side::Needs;
use crate::report::{Figures, median, milliseconds};

/// Writes one figure of what a system takes.
type Cell = fn(&Needs) -> String;

/// The system with few tenants, or the one with many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Few,
    Many,
}

/// The figures of the system with few tenants, and of the one with many.
#[derive(Default)]
pub(super) struct Both<T> {
    few: T,
    many: T,
}

impl<T> Both<T> {
    pub(super) const fn new(few: T, many: T) -> Self {
        Self { few, many }
    }

    fn of_mut(&mut self, which: Which) -> &mut T {
        match which {
            Which::Few => &mut self.few,
            Which::Many => &mut self.many,
        }
    }

    fn map<U>(&self, of: impl Fn(&T) -> U) -> Both<U> {
        Both { few: of(&self.few), many: of(&self.many) }
    }
}

impl Both<f64> {
    /// Returns the figure with many tenants in units of the one with few.
    pub(super) fn ratio(&self) -> f64 {
        self.many / self.few
    }

    pub(super) const fn few(&self) -> f64 {
        self.few
    }

    pub(super) const fn many(&self) -> f64 {
        self.many
    }
}

/// A row for each subject, with a measurement of each round.
pub(super) struct Table {
    tenants: Both<usize>,
    orders: usize,
    rows: Vec<(&'static str, Both<Vec<Figures>>)>,
}

impl Table {
    pub(super) fn new(
        tenants: Both<usize>,
        orders: usize,
        labels: impl IntoIterator<Item = &'static str>,
    ) -> Self {
        let rows = labels.into_iter().map(|label| (label, Both::default())).collect();
        Self { tenants, orders, rows }
    }

    /// Adds a measurement.
    pub(super) fn add(&mut self, label: &str, which: Which, figures: Figures) {
        if let Some((_, both)) = self.rows.iter_mut().find(|row| row.0 == label) {
            both.of_mut(which).push(figures);
        }
    }

    /// Returns the subjects with their median latencies in milliseconds.
    pub(super) fn medians(&self) -> Vec<(&'static str, Both<f64>)> {
        self.rows.iter().map(|(label, both)| (*label, p50(both))).collect()
    }

    /// Writes the latencies as Markdown.
    pub(super) fn write(&self, out: &mut impl Write) -> Result<()> {
        self.write_head(out, &format!("p50/p99 in ms, {} orders in each tenant", self.orders))?;
        for (label, both) in &self.rows {
            let (p50, p99) = (p50(both), p99(both));
            writeln!(
                out,
                "| {label} | {}/{} | {}/{} | {:.2} | {:.2} |",
                digits(p50.few),
                digits(p99.few),
                digits(p50.many),
                digits(p99.many),
                p50.ratio(),
                p99.ratio()
            )?;
        }
        Ok(())
    }

    /// Writes what the systems take.
    pub(super) fn write_needs(&self, out: &mut impl Write, needs: &Both<Needs>) -> Result<()> {
        let Both { few, many } = &self.tenants;
        writeln!(out, "| | {few} tenants | {many} tenants |\n|---|--:|--:|")?;
        let rows: [(&str, Cell); 3] = [
            ("memory of the services and the gateway, MiB", |needs| mebibytes(needs.memory)),
            ("database, MiB", |needs| mebibytes(needs.database)),
            ("processors in use when nobody asks", |needs| format!("{:.3}", needs.idle)),
        ];
        for (label, of) in rows {
            let Both { few, many } = needs.map(of);
            writeln!(out, "| {label} | {few} | {many} |")?;
        }
        Ok(())
    }

    fn write_head(&self, out: &mut impl Write, subject: &str) -> Result<()> {
        let Both { few, many } = &self.tenants;
        writeln!(out, "| {subject} | {few} tenants | {many} tenants | ratio p50 | ratio p99 |")?;
        writeln!(out, "|---|--:|--:|--:|--:|")
    }
}

/// Returns the medians over the rounds.
fn p50(rounds: &Both<Vec<Figures>>) -> Both<f64> {
    rounds.map(|rounds| median(rounds.iter().map(|figures| milliseconds(figures.p50))))
}

fn p99(rounds: &Both<Vec<Figures>>) -> Both<f64> {
    rounds.map(|rounds| median(rounds.iter().map(|figures| milliseconds(figures.p99))))
}

fn mebibytes(bytes: u64) -> String {
    (bytes / 1024 / 1024).to_string()
}

/// Returns milliseconds with the digits that say something.
pub(super) fn digits(millis: f64) -> String {
    match millis {
        ..9.95 => format!("{millis:.2}"),
        ..99.5 => format!("{millis:.1}"),
        _ => format!("{millis:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn ratios_are_of_the_medians_of_the_rounds() {
        let figures = |p50, p99| Figures {
            per_second: 1.0,
            p50: Duration::from_millis(p50),
            p99: Duration::from_millis(p99),
        };
        let mut table = Table::new(Both::new(100, 100_000), 10, ["get", "list"]);
        for (few, many) in [(2, 3), (900, 700), (4, 5)] {
            table.add("get", Which::Few, figures(few, 10 * few));
            table.add("get", Which::Many, figures(many, 20 * many));
        }
        let mut written = Vec::new();
        table.write(&mut written).unwrap();
        let written = String::from_utf8(written).unwrap();
        assert!(written.contains("\n| get | 4.00/40.0 | 5.00/100 | 1.25 | 2.50 |\n"), "{written}");
        assert!(written.contains("| 100 tenants | 100000 tenants |"), "{written}");
        assert_eq!(table.medians()[0].1.ratio().to_string(), "1.25");
    }
}
