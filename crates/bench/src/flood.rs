//! Measures the effect of a flood of logins on others: listing orders at the gateway, without and with the flood, in
//! turns in the same run.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rowhouse_proto::auth::v1::LoginRequest;
use rowhouse_proto::auth::v1::auth_service_client::AuthServiceClient;
use tokio::task::JoinSet;
use tonic::{Code, Request};

use crate::Failure;
use crate::report::{Figures, Operation, median, milliseconds, per_second};
use crate::system::{System, Tenant};
use crate::wrk::{self, Load};

/// The number of concurrent logins: more than the queue of the hashing threads holds.
const FLOOD: usize = 64;

/// The number of concurrent readers, which leaves room to see the difference.
const READERS: usize = 4;

#[derive(Default)]
struct Answers {
    checked: AtomicUsize,
    refused: AtomicUsize,
}

pub(crate) async fn run(
    system: &System,
    tenant: &Tenant,
    seconds: u64,
    rounds: usize,
) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for _ in 0..rounds {
        rows.push((
            "without",
            wrk::measure(system, tenant, Load::new(Operation::List, READERS, seconds))?,
            0.0,
            0.0,
        ));
        let (figures, checked, refused) = flooded(system, tenant, seconds).await?;
        rows.push(("with", figures, checked, refused));
    }
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "GET /v1/orders, {READERS} at once, {seconds} s each; the flood: {FLOOD} logins at once\n"
    )?;
    writeln!(out, "| flood | req/s | p50 ms | p99 ms | logins/s | refused/s |")?;
    writeln!(out, "|---|--:|--:|--:|--:|--:|")?;
    for (flood, figures, checked, refused) in &rows {
        let (p50, p99) = (milliseconds(figures.p50), milliseconds(figures.p99));
        let per_second = figures.per_second;
        writeln!(out, "| {flood} | {per_second:.0} | {p50:.2} | {p99:.2} | {checked:.1} | {refused:.0} |")?;
    }
    let p99 =
        |which: &str| median(rows.iter().filter(|row| row.0 == which).map(|row| milliseconds(row.1.p99)));
    writeln!(out, "\np99 with the flood / without: {:.2}", p99("with") / p99("without"))?;
    Ok(())
}

async fn flooded(system: &System, tenant: &Tenant, seconds: u64) -> Result<(Figures, f64, f64), Failure> {
    let client = AuthServiceClient::connect(system.endpoint("auth").to_owned()).await?;
    let answers = Arc::new(Answers::default());
    let mut flood = JoinSet::new();
    for n in 0..FLOOD {
        let (mut client, answers) = (client.clone(), Arc::clone(&answers));
        flood.spawn(async move {
            for attempt in 0.. {
                // Each login has another account and another address, so that only the queue limits them.
                let mut request = Request::new(LoginRequest {
                    email: format!("person-{n}-{attempt}@example.com"),
                    password: "correct horse".to_owned(),
                    ..LoginRequest::default()
                });
                let address = format!("2001:db8::{n:x}:{attempt:x}");
                if let Ok(address) = address.parse() {
                    request.metadata_mut().insert("x-forwarded-for", address);
                }
                match client.login(request).await.map_err(|status| status.code()) {
                    Err(Code::ResourceExhausted) => {
                        answers.refused.fetch_add(1, Ordering::Relaxed);
                        // The client retries quickly.
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                    _ => {
                        answers.checked.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
        });
    }
    let figures = tokio::task::block_in_place(|| {
        wrk::measure(system, tenant, Load::new(Operation::List, READERS, seconds))
    })?;
    flood.shutdown().await;
    let rate = |count: &AtomicUsize| per_second(count.load(Ordering::Relaxed), Duration::from_secs(seconds));
    Ok((figures, rate(&answers.checked), rate(&answers.refused)))
}
