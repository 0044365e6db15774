//! Measures what is left of the service when clients ask for several times of what it can do.
//!
//! First clients that wait for each answer find the peak. Then requests come at a fixed rate, whether or not earlier ones are answered,
//! as they do from clients that know nothing of each other.

mod client;

use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::Failure;
use crate::report::Operation;
use crate::system::{System, Tenant};
use client::{Answer, Connection, Target};

/// The multiple of the peak that is asked for.
const TIMES: f64 = 5.0;
/// The number of clients that find the peak.
const CLIENTS: usize = 64;
/// The number of connections over which the overload comes. A connection carries one request at a time.
const CONNECTIONS: usize = 1024;
/// The tenants that ask.
const TENANTS: usize = 8;

pub(crate) async fn run(system: &System, seconds: u64, rounds: usize) -> Result<(), Failure> {
    let mut tenants = Vec::new();
    for number in 0..TENANTS {
        system.onboard(&format!("busy-{number}"))?;
    }
    system.fill_orders(200)?;
    for number in 0..TENANTS {
        tenants.push(system.tenant(&format!("busy-{number}"))?);
    }
    let lasting = Duration::from_secs(seconds);
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "| operation | asked/s | good/s | p50 ms | p99 ms | refused/s | p50 ms | p99 ms | failed | not sent |"
    )?;
    writeln!(out, "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")?;
    for operation in [Operation::Get, Operation::Create] {
        let targets = targets(system, &tenants, operation)?;
        for _ in 0..rounds {
            let peak = peak(&targets, lasting).await?;
            peak.write(&mut out, operation, lasting)?;
            let overload = overload(&targets, peak.good.per_second(lasting) * TIMES, lasting).await?;
            overload.write(&mut out, operation, lasting)?;
            writeln!(
                out,
                "| | | **{:.2} of the peak** | | **{:.2} times the peak's** | | | | | |",
                overload.good.per_second(lasting) / peak.good.per_second(lasting),
                overload.good.at(99).as_secs_f64() / peak.good.at(99).as_secs_f64(),
            )?;
        }
    }
    Ok(())
}

fn targets(system: &System, tenants: &[Tenant], operation: Operation) -> Result<Vec<Arc<Target>>, Failure> {
    let gateway = system.endpoint("gateway");
    tenants.iter().map(|tenant| Ok(Arc::new(Target::of(gateway, tenant, operation)?))).collect()
}

/// The latencies of one kind of answer.
#[derive(Default)]
struct Latencies(Vec<Duration>);

impl Latencies {
    fn per_second(&self, lasting: Duration) -> f64 {
        f64::from(u32::try_from(self.0.len()).unwrap_or(u32::MAX)) / lasting.as_secs_f64()
    }

    /// Returns a percentile. The latencies are sorted.
    fn at(&self, percent: usize) -> Duration {
        self.0.get(self.0.len().saturating_sub(1) * percent / 100).copied().unwrap_or_default()
    }
}

#[derive(Default)]
struct Outcome {
    good: Latencies,
    refused: Latencies,
    /// Neither an answer with what was asked for nor a refusal.
    failed: usize,
    /// There was no connection for them.
    not_sent: usize,
}

impl Outcome {
    fn add(&mut self, answer: &Answer) {
        match answer.status {
            200 | 201 => self.good.0.push(answer.took),
            503 => self.refused.0.push(answer.took),
            _ => self.failed += 1,
        }
    }

    fn sorted(mut self) -> Self {
        self.good.0.sort_unstable();
        self.refused.0.sort_unstable();
        self
    }

    fn write(&self, out: &mut impl Write, operation: Operation, lasting: Duration) -> std::io::Result<()> {
        let Self { good, refused, failed, not_sent } = self;
        let ms = |latency: Duration| latency.as_secs_f64() * 1e3;
        let asked = good.0.len() + refused.0.len() + failed + not_sent;
        let asked = f64::from(u32::try_from(asked).unwrap_or(u32::MAX)) / lasting.as_secs_f64();
        writeln!(
            out,
            "| {operation:?} | {asked:.0} | {:.0} | {:.1} | {:.1} | {:.0} | {:.1} | {:.1} | {failed} | {not_sent} |",
            good.per_second(lasting),
            ms(good.at(50)),
            ms(good.at(99)),
            refused.per_second(lasting),
            ms(refused.at(50)),
            ms(refused.at(99)),
        )
    }
}

/// Lets clients ask again as soon as they have an answer.
async fn peak(targets: &[Arc<Target>], lasting: Duration) -> Result<Outcome, Failure> {
    let until = Instant::now() + lasting;
    let mut clients = JoinSet::new();
    for target in targets.iter().cycle().take(CLIENTS) {
        let mut connection = Connection::open(target).await?;
        clients.spawn(async move {
            let mut answers = Vec::new();
            while Instant::now() < until {
                answers.push(connection.send().await);
            }
            answers
        });
    }
    let mut outcome = Outcome::default();
    while let Some(answers) = clients.join_next().await {
        answers?.iter().for_each(|answer| outcome.add(answer));
    }
    Ok(outcome.sorted())
}

/// The connections without a request, in the order in which they became free.
#[derive(Default)]
struct Free(Mutex<VecDeque<Connection>>);

impl Free {
    fn take(&self) -> Option<Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    fn put(&self, connection: Connection) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(connection);
    }
}

/// Sends requests at a rate, each over a connection that is free.
async fn overload(targets: &[Arc<Target>], per_second: f64, lasting: Duration) -> Result<Outcome, Failure> {
    let free = Arc::new(Free::default());
    for target in targets.iter().cycle().take(CONNECTIONS) {
        free.put(Connection::open(target).await?);
    }
    let mut requests = JoinSet::new();
    let mut outcome = Outcome::default();
    let (began, mut sent) = (Instant::now(), 0.0);
    let mut tick = interval(Duration::from_millis(2));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while began.elapsed() < lasting {
        tick.tick().await;
        let due = began.elapsed().as_secs_f64() * per_second;
        while sent < due {
            sent += 1.0;
            let Some(mut connection) = free.take() else {
                outcome.not_sent += 1;
                continue;
            };
            let free = Arc::clone(&free);
            requests.spawn(async move {
                let answer = connection.send().await;
                if answer.status != 0 {
                    free.put(connection);
                }
                answer
            });
        }
        while let Some(answer) = requests.try_join_next() {
            outcome.add(&answer?);
        }
    }
    while let Some(answer) = requests.join_next().await {
        outcome.add(&answer?);
    }
    Ok(outcome.sorted())
}
