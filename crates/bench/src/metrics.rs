//! Measures what the metrics cost: getting an order at the gateway of two systems, of which one has metrics that are read as
//! Prometheus reads them, and the other has none. They run side by side and are measured in turns.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::Failure;
use crate::report::{Operation, median};
use crate::system::{System, Tenant};
use crate::wrk::{self, Load};

/// The interval at which the metrics are read: a third of what is usual, so that each measurement has some.
const SCRAPE: Duration = Duration::from_secs(5);

/// The size of the measurement.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) concurrency: usize,
    pub(crate) seconds: u64,
    pub(crate) rounds: usize,
    pub(crate) tenants: usize,
    pub(crate) orders: usize,
}

/// A system with its measured tenant.
struct Side {
    system: System,
    tenant: Tenant,
}

/// One measurement.
#[derive(Clone, Copy)]
struct Cost {
    per_second: f64,
    /// Processor time of the services and the gateway for each request, in microseconds.
    micros: f64,
}

pub(crate) async fn run(rate_limits: bool, size: Size) -> Result<(), Failure> {
    let without = Side::start(rate_limits, &[], size).await?;
    let with = Side::start(rate_limits, &["--admin-listen", "127.0.0.1:0"], size).await?;
    let (stop, stopped) = channel();
    let admin = with.system.endpoint("admin").to_owned();
    let url = format!("{admin}/metrics");
    let scrapes = thread::spawn(move || scrape(&url, &stopped));
    // Caches, pools and prepared statements.
    for side in [&without, &with] {
        side.measure(size.concurrency, 1)?;
    }
    let mut rounds = Vec::new();
    for round in 0..size.rounds {
        let measure = |side: &Side| side.measure(size.concurrency, size.seconds);
        rounds.push(if round % 2 == 0 {
            let first = measure(&without)?;
            (first, measure(&with)?)
        } else {
            let first = measure(&with)?;
            (measure(&without)?, first)
        });
    }
    drop(stop);
    let scrapes = scrapes.join().map_err(|_panic| "the thread that reads the metrics panicked")?;
    if scrapes == 0 {
        return Err(format!("no metrics could be read from {admin}").into());
    }
    print(size, scrapes, &rounds)?;
    without.system.stop()?;
    with.system.stop()
}

impl Side {
    async fn start(rate_limits: bool, arguments: &[&str], size: Size) -> Result<Self, Failure> {
        let system = System::start(rate_limits, arguments).await?;
        let tenant = system.seed(size.tenants, size.orders)?;
        Ok(Self { system, tenant })
    }

    fn measure(&self, concurrency: usize, seconds: u64) -> Result<Cost, Failure> {
        let before = self.system.processor_time()?;
        let load = Load::new(Operation::Get, concurrency, seconds);
        let per_second = wrk::measure(&self.system, &self.tenant, load)?.per_second;
        let used = self.system.processor_time()?.saturating_sub(before);
        let requests = per_second * Duration::from_secs(seconds).as_secs_f64();
        Ok(Cost { per_second, micros: used.as_secs_f64() * 1e6 / requests })
    }
}

/// Reads the metrics until the sender is dropped. Returns how often they were read.
fn scrape(url: &str, stopped: &Receiver<()>) -> u64 {
    let mut count = 0;
    loop {
        let read = Command::new("curl").args(["--silent", "--fail", url]).stdout(Stdio::null()).status();
        count += u64::from(read.is_ok_and(|status| status.success()));
        if stopped.recv_timeout(SCRAPE) != Err(RecvTimeoutError::Timeout) {
            return count;
        }
    }
}

/// Prints a Markdown table, and the ratio with / without of each figure: its median over the rounds, and its extremes.
fn print(size: Size, scrapes: u64, rounds: &[(Cost, Cost)]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let Size { concurrency, seconds, .. } = size;
    writeln!(
        out,
        "GET /v1/orders/{{id}}, {concurrency} at once, {seconds} s each; metrics read {scrapes} times\n"
    )?;
    writeln!(out, "| round | req/s without | req/s with | ratio | CPU µs without | CPU µs with | ratio |")?;
    writeln!(out, "|--:|--:|--:|--:|--:|--:|--:|")?;
    let (mut rates, mut costs) = (Vec::new(), Vec::new());
    for (round, (without, with)) in (1..).zip(rounds) {
        let (rate, cost) = (with.per_second / without.per_second, with.micros / without.micros);
        writeln!(
            out,
            "| {round} | {:.0} | {:.0} | {rate:.4} | {:.1} | {:.1} | {cost:.4} |",
            without.per_second, with.per_second, without.micros, with.micros
        )?;
        rates.push(rate);
        costs.push(cost);
    }
    writeln!(out)?;
    for (name, ratios) in [("requests per second", rates), ("processor time per request", costs)] {
        let (least, most) =
            (ratios.iter().copied().reduce(f64::min), ratios.iter().copied().reduce(f64::max));
        if let (Some(least), Some(most)) = (least, most) {
            writeln!(out, "{name}, with / without: {:.4} ({least:.4} to {most:.4})", median(ratios))?;
        }
    }
    Ok(())
}
