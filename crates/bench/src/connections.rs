//! Measures the memory that connections take: open, with a large body each, idle, and when they are gone.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::Failure;
use crate::client::{Connection, Target};
use crate::report::Operation;
use crate::system::{System, Tenant};

/// The number of connections.
const CONNECTIONS: u32 = 2000;
/// The lines of an order with about 60 KiB, which is just below what counts as a large body. A service refuses so many lines, so nothing
/// of the database is measured.
const LINES: usize = 500;
/// The interval at which the memory is read while bodies arrive.
const SAMPLE: Duration = Duration::from_millis(5);

pub(crate) async fn run(system: &System, tenant: &Tenant, seconds: u64) -> Result<(), Failure> {
    let gateway = system.endpoint("gateway");
    let small = Arc::new(Target::of(gateway, tenant, Operation::Get)?);
    let body = Bytes::from(large_order());
    let size = body.len() / 1024;
    let large = Arc::new(Target::new(gateway, tenant, Method::POST, "/v1/orders", body)?);
    let lasting = Duration::from_secs(seconds);
    warm_up(&small, &large).await?;
    let before = system.memory()?;
    let mut rows = vec![("before", before)];

    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut connection = Connection::open(&small).await?;
        if connection.send().await.status != 200 {
            return Err("a small request was not answered".into());
        }
        connections.push(connection);
    }
    rows.push(("a small request on each", system.memory()?));

    let mut answers = BTreeMap::<u16, u32>::new();
    let (peak, connections) = send_at_once(system, connections, &large, &mut answers).await?;
    rows.push(("a large body on each at once, at most", peak));
    rows.push(("answered", system.memory()?));
    sleep(lasting).await;
    rows.push(("idle", system.memory()?));
    let closed = connections.iter().filter(|connection| connection.is_closed()).count();
    drop(connections);
    sleep(lasting).await;
    rows.push(("closed", system.memory()?));

    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{CONNECTIONS} connections, {size} KiB in a body, {seconds} s idle and {seconds} s closed\n"
    )?;
    writeln!(out, "| | MiB | KiB for each connection |\n|---|--:|--:|")?;
    for (moment, bytes) in rows {
        let each = bytes.saturating_sub(before) / 1024 / u64::from(CONNECTIONS);
        writeln!(out, "| {moment} | {} | {each} |", bytes / 1024 / 1024)?;
    }
    writeln!(
        out,
        "\nanswers to the large bodies, by status: {answers:?}; connections that the gateway closed after them: {closed}"
    )?;
    Ok(())
}

/// An order with a line for each SKU of 64 characters.
fn large_order() -> String {
    let lines: Vec<_> = (0..LINES)
        .map(|number| format!(r#"{{"sku":"{number:064}","quantity":1,"unit_price_minor":1000000000}}"#))
        .collect();
    format!(r#"{{"customer":"Customer","currency":"EUR","lines":[{}]}}"#, lines.join(","))
}

/// Lets caches, pools and the allocator fill, as they are in a program that has run for a while.
async fn warm_up(small: &Arc<Target>, large: &Arc<Target>) -> Result<(), Failure> {
    for target in [small, large] {
        let mut connection = Connection::open(target).await?;
        for _ in 0..200 {
            connection.send().await;
        }
    }
    Ok(())
}

/// Sends a request on each connection at once. Returns the largest memory meanwhile, and the connections.
async fn send_at_once(
    system: &System,
    connections: Vec<Connection>,
    target: &Arc<Target>,
    answers: &mut BTreeMap<u16, u32>,
) -> Result<(u64, Vec<Connection>), Failure> {
    let mut requests = JoinSet::new();
    for mut connection in connections {
        connection.turn_to(target);
        requests.spawn(async move { (connection.send().await.status, connection) });
    }
    let (mut peak, mut open) = (system.memory()?, Vec::new());
    let mut sample = tokio::time::interval(SAMPLE);
    loop {
        tokio::select! {
            answered = requests.join_next() => {
                let Some(answered) = answered else { return Ok((peak, open)) };
                let (status, connection) = answered?;
                *answers.entry(status).or_default() += 1;
                open.push(connection);
            }
            _ = sample.tick() => peak = peak.max(system.memory()?),
        }
    }
}
