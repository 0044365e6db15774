//! Showing the progress of a backfill.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// The interval between two lines if there is no terminal.
const INTERVAL: Duration = Duration::from_secs(5);

/// The progress of a backfill: a bar on a terminal, and otherwise regular lines; both on standard error.
pub struct BackfillProgress {
    out: Out,
    state: Mutex<State>,
}

enum Out {
    Silent,
    Bar(ProgressBar),
    Lines,
}

struct State {
    phase: &'static str,
    tenants: usize,
    tenants_done: usize,
    rows: u64,
    rows_done: u64,
    begun: Instant,
    last_line: Instant,
}

impl BackfillProgress {
    /// Shows nothing.
    #[must_use]
    pub fn silent() -> Self {
        Self::to(Out::Silent)
    }

    /// Shows a bar if standard error is a terminal, and otherwise lines.
    #[must_use]
    pub fn on_stderr() -> Self {
        Self::to(if io::stderr().is_terminal() { Out::Bar(bar()) } else { Out::Lines })
    }

    fn to(out: Out) -> Self {
        let begun = Instant::now();
        let (tenants, tenants_done, rows, rows_done) = (0, 0, 0, 0);
        let state = State { phase: "", tenants, tenants_done, rows, rows_done, begun, last_line: begun };
        Self { out, state: Mutex::new(state) }
    }

    /// Begins a phase. `rows` is the number of rows to be changed, as far as it is known.
    pub(super) fn begin(&self, phase: &'static str, tenants: usize, rows: u64) {
        let begun = Instant::now();
        let mut state = self.state();
        *state = State { phase, tenants, tenants_done: 0, rows, rows_done: 0, begun, last_line: begun };
        if let Out::Bar(bar) = &self.out {
            bar.set_message(state.to_string());
            bar.reset();
        }
        self.show(&mut state);
    }

    pub(super) fn tenant_done(&self) {
        let mut state = self.state();
        state.tenants_done += 1;
        self.show(&mut state);
    }

    pub(super) fn rows(&self, rows: u64) {
        let mut state = self.state();
        state.rows_done += rows;
        self.show(&mut state);
    }

    pub(super) fn end(&self) {
        if let Out::Bar(bar) = &self.out {
            bar.finish_and_clear();
        }
    }

    fn show(&self, state: &mut State) {
        match &self.out {
            Out::Silent => {}
            Out::Bar(bar) => {
                bar.set_length(state.steps());
                bar.set_position(state.steps_done());
                bar.set_message(state.to_string());
            }
            Out::Lines => {
                if state.last_line.elapsed() >= INTERVAL {
                    state.last_line = Instant::now();
                    let left = state.left().map(|left| format!(", about {} s left", left.as_secs()));
                    // Nobody may read it any more.
                    let _unread = writeln!(io::stderr(), "rowhouse: {state}{}", left.unwrap_or_default());
                }
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bar() -> ProgressBar {
    let style =
        ProgressStyle::with_template("[{elapsed_precise}] {bar:30} {percent:>3} %, ETA {eta} ({msg})");
    let bar = ProgressBar::no_length();
    // The template is constant and tested.
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

impl State {
    /// Returns the number of steps. Each row takes time, and so does each tenant, even without rows.
    fn steps(&self) -> u64 {
        count(self.tenants).saturating_add(self.rows.max(self.rows_done))
    }

    fn steps_done(&self) -> u64 {
        count(self.tenants_done).saturating_add(self.rows_done)
    }

    fn left(&self) -> Option<Duration> {
        let done = u32::try_from(self.steps_done()).ok().filter(|done| *done > 0)?;
        let left = u32::try_from(self.steps().saturating_sub(self.steps_done())).ok()?;
        Some(self.begun.elapsed() / done * left)
    }
}

fn count(tenants: usize) -> u64 {
    u64::try_from(tenants).unwrap_or(u64::MAX)
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { phase, tenants, tenants_done, rows, rows_done, .. } = self;
        write!(f, "{phase}: {tenants_done} of {tenants} tenants")?;
        if *rows > 0 || *rows_done > 0 {
            write!(f, ", {rows_done} of {rows} rows")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_tenants_count() {
        let progress = BackfillProgress::to(Out::Bar(ProgressBar::hidden()));
        progress.begin("changing", 10, 90);
        for _ in 0..4 {
            progress.tenant_done();
        }
        progress.rows(21);
        let Out::Bar(shown) = &progress.out else { panic!("a bar") };
        assert_eq!((shown.position(), shown.length()), (25, Some(100)));
        assert_eq!(shown.message(), "changing: 4 of 10 tenants, 21 of 90 rows");
        let state = progress.state();
        assert!(state.left() >= Some(state.begun.elapsed().mul_f64(2.9)), "three quarters are left");
    }

    #[test]
    fn the_bars_template_is_one() {
        assert!(ProgressStyle::with_template("{bar:30} {percent:>3} %, ETA {eta} ({msg})").is_ok());
        drop(bar());
    }
}
