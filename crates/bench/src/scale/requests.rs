//! Measures requests at the gateway: one client, which asks for another tenant each time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::side::Sampled;
use crate::Failure;
use crate::client::{Answer, Connection, Target};
use crate::report::Operation;
use crate::system::{System, login, text};

/// Logs in the owner of each tenant, whose token later requests use.
pub(super) async fn log_in(system: &System, sample: &mut [Sampled]) -> Result<Vec<Duration>, Failure> {
    let mut latencies = Vec::new();
    let mut connection = None;
    for Sampled { slug, tenant } in sample {
        let (path, body) = login(slug);
        let target = Target::of_stranger(system.endpoint("gateway"), &system.network(), path, body)?;
        let (answer, body) = connected(&mut connection, &Arc::new(target)).await?.fetch().await;
        latencies.push(expected(answer, 200)?);
        text(&serde_json::from_slice(&body)?, "/access_token")?.clone_into(&mut tenant.token);
    }
    Ok(latencies)
}

/// Does an operation for one tenant after another until the time is over, each at least once.
pub(super) async fn ask(
    system: &System,
    sample: &[Sampled],
    operation: Operation,
    lasting: Duration,
) -> Result<Vec<Duration>, Failure> {
    let gateway = system.endpoint("gateway");
    let targets = sample
        .iter()
        .map(|sampled| Ok(Arc::new(Target::of(gateway, &sampled.tenant, operation)?)))
        .collect::<Result<Vec<_>, Failure>>()?;
    let status = if operation == Operation::Create { 201 } else { 200 };
    let (mut latencies, mut connection) = (Vec::new(), None);
    let began = Instant::now();
    for target in targets.iter().cycle() {
        if latencies.len() >= targets.len() && began.elapsed() >= lasting {
            break;
        }
        let answer = connected(&mut connection, target).await?.send().await;
        latencies.push(expected(answer, status)?);
    }
    Ok(latencies)
}

/// Returns the connection, which is opened if it is not yet, with this request as the next one.
async fn connected<'a>(
    connection: &'a mut Option<Connection>,
    target: &Arc<Target>,
) -> Result<&'a mut Connection, Failure> {
    let mut open = match connection.take() {
        Some(open) => open,
        None => Connection::open(target).await?,
    };
    open.turn_to(target);
    Ok(connection.insert(open))
}

fn expected(answer: Answer, status: u16) -> Result<Duration, Failure> {
    if answer.status == status {
        Ok(answer.took)
    } else {
        Err(format!("a request was answered with {}, not {status}", answer.status).into())
    }
}
