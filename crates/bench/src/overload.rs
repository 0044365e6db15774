//! Measures what is left of the service when clients ask for several times of what it can do.
//!
//! First clients that wait for each answer find the peak. Then requests come at a fixed rate, whether or not earlier ones are answered,
//! as they do from clients that know nothing of each other.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::Failure;
use crate::client::{Answer, Connection, Target, ask};
use crate::report::{Figures, Operation, milliseconds, per_second};
use crate::system::{System, Tenant};

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
            peak.write(&mut out, operation)?;
            let overload = overload(&targets, peak.good.per_second * TIMES, lasting).await?;
            overload.write(&mut out, operation)?;
            writeln!(
                out,
                "| | | **{:.2} of the peak** | | **{:.2} times the peak's** | | | | | |",
                overload.good.per_second / peak.good.per_second,
                overload.good.p99.as_secs_f64() / peak.good.p99.as_secs_f64(),
            )?;
        }
    }
    Ok(())
}

fn targets(system: &System, tenants: &[Tenant], operation: Operation) -> Result<Vec<Arc<Target>>, Failure> {
    let gateway = system.endpoint("gateway");
    tenants.iter().map(|tenant| Ok(Arc::new(Target::of(gateway, tenant, operation)?))).collect()
}

/// The answers of a run.
#[derive(Default)]
struct Answers {
    /// The latencies of answers with what was asked for.
    good: Vec<Duration>,
    /// The latencies of refusals.
    refused: Vec<Duration>,
    /// The number of other answers.
    failed: usize,
    /// The number of requests for which there was no connection.
    not_sent: usize,
}

impl Answers {
    fn add(&mut self, answer: &Answer) {
        match answer.status {
            200 | 201 => self.good.push(answer.took),
            503 => self.refused.push(answer.took),
            _ => self.failed += 1,
        }
    }

    fn outcome(self, lasting: Duration) -> OverloadOutcome {
        let Self { good, refused, failed, not_sent } = self;
        let asked = per_second(good.len() + refused.len() + failed + not_sent, lasting);
        // There may be none, as there are no refusals at the peak.
        let figures = |latencies| Figures::of(latencies, lasting).unwrap_or_default();
        OverloadOutcome { asked, good: figures(good), refused: figures(refused), failed, not_sent }
    }
}

/// The figures of a run.
struct OverloadOutcome {
    /// The requests per second, whether or not they were sent.
    asked: f64,
    good: Figures,
    refused: Figures,
    failed: usize,
    not_sent: usize,
}

impl OverloadOutcome {
    fn write(&self, out: &mut impl Write, operation: Operation) -> std::io::Result<()> {
        let Self { asked, good, refused, failed, not_sent } = self;
        writeln!(
            out,
            "| {operation:?} | {asked:.0} | {:.0} | {:.1} | {:.1} | {:.0} | {:.1} | {:.1} | {failed} | {not_sent} |",
            good.per_second,
            milliseconds(good.p50),
            milliseconds(good.p99),
            refused.per_second,
            milliseconds(refused.p50),
            milliseconds(refused.p99),
        )
    }
}

/// Lets clients ask again as soon as they have an answer.
async fn peak(targets: &[Arc<Target>], lasting: Duration) -> Result<OverloadOutcome, Failure> {
    let mut all = Answers::default();
    ask(targets, CLIENTS, lasting).await?.iter().for_each(|answer| all.add(answer));
    Ok(all.outcome(lasting))
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
async fn overload(
    targets: &[Arc<Target>],
    per_second: f64,
    lasting: Duration,
) -> Result<OverloadOutcome, Failure> {
    let free = Arc::new(Free::default());
    for target in targets.iter().cycle().take(CONNECTIONS) {
        free.put(Connection::open(target).await?);
    }
    let mut requests = JoinSet::new();
    let mut answers = Answers::default();
    let (began, mut sent) = (Instant::now(), 0.0);
    let mut tick = interval(Duration::from_millis(2));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while began.elapsed() < lasting {
        tick.tick().await;
        let due = began.elapsed().as_secs_f64() * per_second;
        while sent < due {
            sent += 1.0;
            let Some(mut connection) = free.take() else {
                answers.not_sent += 1;
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
            answers.add(&answer?);
        }
    }
    while let Some(answer) = requests.join_next().await {
        answers.add(&answer?);
    }
    Ok(answers.outcome(lasting))
}
