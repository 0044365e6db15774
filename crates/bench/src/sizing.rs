//! Measures what the programs take, each as a process of its own: memory with few and with many connections, and the processor time
//! of each kind of request. Prints the table of deploy/README.md.

mod table;

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;

use crate::client::{Answer, Target, ask, ask_once};
use crate::report::{Operation, median};
use crate::system::{System, Tenant, login, sign_up};
use crate::{Arguments, Failure};
use table::{COMMANDS, Table};

/// The number of connections at which the processor time is measured.
const FEW: usize = 64;
const MANY: usize = 1000;
/// The number of sign-ups and logins at once, which keep two processors busy.
const STRANGERS: usize = 4;
/// The number of sign-ups and logins for each second of another measurement.
const STRANGERS_PER_SECOND: u64 = 5;
/// The number of requests over each connection before the measurements, so that caches, pools and the allocator are full.
const WARM_UP: usize = 4;

/// The parts of the requests after each of which the memory is read, to see whether it grows.
const PARTS: usize = 4;

/// The requests with an access token.
#[derive(Clone, Copy)]
enum Call {
    Order(Operation),
    Me,
}

const CALLS: [(&str, Call); 4] = [
    ("get an order, s", Call::Order(Operation::Get)),
    ("list a page of orders, s", Call::Order(Operation::List)),
    ("create an order, s", Call::Order(Operation::Create)),
    ("`GET /v1/me`, s", Call::Me),
];
const LOGIN: &str = "a login (bcrypt), s";
const SIGN_UP: &str = "a sign-up, s";

/// Seconds of processor time of each program for a thousand requests.
type Cost = BTreeMap<&'static str, f64>;

pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let &Arguments { seconds, rounds, .. } = arguments;
    let (system, commands) = System::start_programs().await?;
    let mut table = Table::new();
    let mut memory = memories(&system)?;
    memory.insert(COMMANDS, commands);
    table.add_memory("memory after the start", &memory);

    let tenant = system.seed(arguments.tenants, arguments.orders)?;
    for (label, call) in CALLS {
        let target = call.target(&system, &tenant)?;
        expect(label, &[200, 201], &ask_once(&vec![target; FEW * WARM_UP], FEW).await?)?;
    }
    let mut costs: BTreeMap<_, Vec<Cost>> = BTreeMap::new();
    for round in 0..rounds {
        measure(&system, round, seconds, |label, cost| costs.entry(label).or_default().push(cost)).await?;
    }
    table.add_memory("at 64 connections", &memories(&system)?);
    for part in 1..=PARTS {
        ask_all(&system, arguments.requests / PARTS).await?;
        table.add_memory(
            &format!("after {} requests more", arguments.requests / PARTS * part),
            &memories(&system)?,
        );
    }

    let tenant = system.tenant("measured")?;
    for (label, call) in CALLS {
        // Most are refused, as the services have enough to do.
        let answers = ask(&[call.target(&system, &tenant)?], MANY, Duration::from_secs(seconds)).await?;
        expect(label, &[200, 201, 503], &answers)?;
    }
    table.add_memory("at 1,000 connections", &memories(&system)?);

    for label in CALLS.map(|(label, _)| label).into_iter().chain([LOGIN, SIGN_UP]) {
        let costs = costs.remove(label).unwrap_or_default();
        table.add_cost(label, |program| median(costs.iter().filter_map(|cost| cost.get(program).copied())));
    }
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "Processor time of user and kernel for 1,000 requests, medians of {rounds} rounds: {FEW} connections, {seconds} s each; \
         {} logins and sign-ups, {STRANGERS} at once. Most memory up to then, in MiB.\n",
        seconds * STRANGERS_PER_SECOND
    )?;
    table.write(&mut out)?;
    system.stop()
}

/// Sends so many requests, as many of each kind.
async fn ask_all(system: &System, requests: usize) -> Result<(), Failure> {
    // Its token lives for ten minutes.
    let tenant = system.tenant("measured")?;
    for (label, call) in CALLS {
        let targets = vec![call.target(system, &tenant)?; requests / CALLS.len()];
        expect(label, &[200, 201], &ask_once(&targets, FEW).await?)?;
    }
    Ok(())
}

/// Measures each kind of request once.
async fn measure(
    system: &System,
    round: usize,
    seconds: u64,
    mut add: impl FnMut(&'static str, Cost),
) -> Result<(), Failure> {
    // Its token lives for ten minutes.
    let tenant = system.tenant("measured")?;
    for (label, call) in CALLS {
        let targets = [call.target(system, &tenant)?];
        let asked = ask(&targets, FEW, Duration::from_secs(seconds));
        add(label, cost(system, label, asked).await?);
    }
    let slugs: Vec<_> =
        (0..seconds * STRANGERS_PER_SECOND).map(|n| format!("stranger-{round}-{n}")).collect();
    let requests: [(_, fn(&str) -> _); 2] = [(SIGN_UP, sign_up), (LOGIN, login)];
    for (label, request) in requests {
        let targets: Vec<_> =
            slugs.iter().map(|slug| stranger(system, request(slug))).collect::<Result<_, _>>()?;
        add(label, cost(system, label, ask_once(&targets, STRANGERS)).await?);
    }
    Ok(())
}

impl Call {
    fn target(self, system: &System, tenant: &Tenant) -> Result<Arc<Target>, Failure> {
        let gateway = system.endpoint("gateway");
        let target = match self {
            Self::Order(operation) => Target::of(gateway, tenant, operation),
            Self::Me => Target::new(gateway, tenant, Method::GET, "/v1/me", Bytes::new()),
        };
        Ok(Arc::new(target?))
    }
}

fn stranger(system: &System, (path, body): (&str, String)) -> Result<Arc<Target>, Failure> {
    Ok(Arc::new(Target::of_stranger(system.endpoint("gateway"), &system.network(), path, body)?))
}

/// Returns what the requests cost, all of which have to succeed.
async fn cost(
    system: &System,
    label: &str,
    requests: impl Future<Output = Result<Vec<Answer>, Failure>>,
) -> Result<Cost, Failure> {
    let before = system.processor_times()?;
    let answers = requests.await?;
    let after = system.processor_times()?;
    expect(label, &[200, 201], &answers)?;
    let thousands = f64::from(u32::try_from(answers.len())?) / 1e3;
    let used = |(&program, &before): (&&'static str, &Duration)| {
        let used = after.get(program).copied().unwrap_or_default().saturating_sub(before);
        (program, used.as_secs_f64() / thousands)
    };
    Ok(before.iter().map(used).collect())
}

/// Returns an error unless there are answers and all of them have one of the statuses.
fn expect(label: &str, statuses: &[u16], answers: &[Answer]) -> Result<(), Failure> {
    match answers.iter().find(|answer| !statuses.contains(&answer.status)) {
        Some(Answer { status, .. }) => Err(format!("{label}: a request was answered with {status}").into()),
        None if answers.is_empty() => Err(format!("{label}: no request was answered").into()),
        None => Ok(()),
    }
}

/// Returns the most memory that each program has had since its start, in bytes.
fn memories(system: &System) -> Result<BTreeMap<&'static str, u64>, Failure> {
    system.programs().iter().map(|program| Ok((program.name(), program.most_memory()?))).collect()
}
