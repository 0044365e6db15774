//! The table of deploy/README.md.

use std::collections::BTreeMap;
use std::io::{Result, Write};

use rowhouse_catalog::ServiceName;

use crate::system::POSTGRES;

/// The column of the commands that run before the programs.
pub(super) const COMMANDS: &str = "migration, audit, wait";
/// The part of a row's processor time below which a program has hardly anything to do with the request.
const HARDLY: f64 = 0.01;

/// A row for each amount of memory and each kind of request, and a column for each program.
pub(super) struct Table {
    columns: Vec<&'static str>,
    rows: Vec<(String, Vec<String>)>,
}

impl Table {
    pub(super) fn new() -> Self {
        let services = ServiceName::ALL.iter().map(|service| service.as_str());
        let columns = ["gateway"].into_iter().chain(services).chain([POSTGRES, COMMANDS]).collect();
        Self { columns, rows: Vec::new() }
    }

    /// Adds the memory of the programs, in bytes.
    pub(super) fn add_memory(&mut self, label: &str, memory: &BTreeMap<&str, u64>) {
        let mebibytes = |bytes: &u64| (bytes / 1024 / 1024).to_string();
        let cells =
            self.columns.iter().map(|program| memory.get(program).map_or_else(String::new, mebibytes));
        self.rows.push((format!("{label}, MiB"), cells.collect()));
    }

    /// Adds the processor time of the programs, in seconds. That of programs which have hardly any is left out.
    pub(super) fn add_cost(&mut self, label: &str, cost: impl Fn(&str) -> f64) {
        let costs: Vec<_> = self.columns.iter().map(|program| cost(program)).collect();
        let all: f64 = costs.iter().filter(|cost| cost.is_finite()).sum();
        let cells =
            costs.into_iter().map(|cost| if cost > all * HARDLY { digits(cost) } else { String::new() });
        self.rows.push((label.to_owned(), cells.collect()));
    }

    /// Writes it as Markdown.
    pub(super) fn write(&self, out: &mut impl Write) -> Result<()> {
        writeln!(out, "| | {} |", self.columns.join(" | "))?;
        writeln!(out, "|---|{}", "--:|".repeat(self.columns.len()))?;
        for (label, cells) in &self.rows {
            let cells =
                cells.iter().map(|cell| if cell.is_empty() { " |".to_owned() } else { format!(" {cell} |") });
            writeln!(out, "| {label} |{}", cells.collect::<String>())?;
        }
        Ok(())
    }
}

/// Returns seconds with the digits that say something.
fn digits(seconds: f64) -> String {
    match seconds {
        ..0.0995 => format!("{seconds:.3}"),
        ..0.995 => format!("{seconds:.2}"),
        ..9.95 => format!("{seconds:.1}"),
        _ => format!("{seconds:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_that_have_nothing_to_do_with_a_request_are_left_out() {
        let mut table = Table::new();
        table.add_memory("memory", &BTreeMap::from([("auth", 3 << 20), (COMMANDS, (2 << 20) - 1)]));
        table.add_cost("a login, s", |program| match program {
            "gateway" => 0.4,
            "auth" => 207.4,
            "onboarding" => 12.0,
            POSTGRES => 5.251,
            _ => f64::NAN,
        });
        table.add_cost("an order, s", |program| if program == "gateway" { 0.0514 } else { 0.0 });
        let mut written = Vec::new();
        table.write(&mut written).unwrap();
        assert_eq!(
            String::from_utf8(written).unwrap(),
            "| | gateway | auth | onboarding | orders | PostgreSQL | migration, audit, wait |\n\
             |---|--:|--:|--:|--:|--:|--:|\n\
             | memory, MiB | | 3 | | | | 1 |\n\
             | a login, s | | 207 | 12 | | 5.3 | |\n\
             | an order, s | 0.051 | | | | | |\n"
        );
    }
}
