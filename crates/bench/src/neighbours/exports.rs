//! Measures the time of a tenant's export, from its request to its end, beside other tenants' background work.

use std::time::{Duration, Instant};

use rowhouse_proto::orders::v1::export_service_client::ExportServiceClient;
use rowhouse_proto::orders::v1::order_service_client::OrderServiceClient;
use rowhouse_proto::orders::v1::webhook_service_client::WebhookServiceClient;
use rowhouse_proto::orders::v1::{
    CreateExportRequest, CreateWebhookEndpointRequest, Export, ExportFormat, ExportStatus, GetExportRequest,
};
use tokio::time::sleep;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;

use super::black_hole::BlackHole;
use super::{Comparison, Percentile};
use crate::Failure;
use crate::grpc::{an_order, request};
use crate::report::Figures;
use crate::system::System;

/// The tenants with endpoints that never answer, the endpoints of each, and the orders that they are notified of in a
/// round.
const TENANTS: usize = 8;
const ENDPOINTS: usize = 50;
const ORDERS: usize = 6;

/// The interval at which an export is checked.
const LOOK: Duration = Duration::from_millis(10);

/// The time limit for a round's jobs.
const PATIENCE: Duration = Duration::from_secs(600);

/// The largest number of exports in a round; a tenant may have fifty.
const MOST_A_ROUND: usize = 40;

pub(super) async fn beside_black_holes(
    system: &System,
    lasting: Duration,
    rounds: usize,
) -> Result<Comparison, Failure> {
    let silent = BlackHole::open().await?;
    let channel = Channel::from_shared(system.endpoint("orders").to_owned())?.connect().await?;
    for tenant in 0..TENANTS {
        let slug = slug(tenant);
        system.onboard(&slug)?;
        let bearer = bearer(system, &slug)?;
        let mut webhooks = WebhookServiceClient::new(channel.clone());
        for _ in 0..ENDPOINTS {
            let endpoint = CreateWebhookEndpointRequest {
                url: silent.url.clone(),
                events: vec!["*".to_owned()],
                idempotency_key: None,
            };
            webhooks.create_webhook_endpoint(request(&bearer, endpoint)).await?;
        }
    }
    let what = format!("export beside {TENANTS} tenants with {ENDPOINTS} endpoints that never answer");
    let mut comparison = Comparison::new(what, Percentile::P50, 2.0);
    let webhooks = "kind LIKE 'webhook.%'";
    for _ in 0..rounds {
        silent.answer(true);
        until_done(system, webhooks).await?;
        comparison.alone.push(exports(system, &channel, lasting).await?);
        silent.answer(false);
        for tenant in 0..TENANTS {
            let (bearer, mut orders) =
                (bearer(system, &slug(tenant))?, OrderServiceClient::new(channel.clone()));
            for _ in 0..ORDERS {
                orders.create_order(request(&bearer, an_order())).await?;
            }
        }
        while silent.held() == 0 {
            sleep(LOOK).await;
        }
        comparison.beside.push(exports(system, &channel, lasting).await?);
    }
    silent.answer(true);
    until_done(system, webhooks).await?;
    Ok(comparison)
}

pub(super) async fn beside_maintenance(
    system: &System,
    lasting: Duration,
    rounds: usize,
    jobs: u32,
) -> Result<Comparison, Failure> {
    let channel = Channel::from_shared(system.endpoint("orders").to_owned())?.connect().await?;
    // Each tenant gets a copy of the quiet tenant's own job, as the service enqueued it.
    system.psql(&format!(
        "INSERT INTO tenancy.tenants (id, slug, name, status)
         SELECT gen_random_uuid(), 'idle-' || n, 'Idle ' || n, 'active' FROM generate_series(1, {jobs}) n;
         INSERT INTO jobs.jobs
         SELECT own.*
         FROM jobs.jobs j JOIN tenancy.tenants q ON q.id = j.tenant_id AND q.slug = 'quiet'
             CROSS JOIN tenancy.tenants t
             CROSS JOIN LATERAL jsonb_populate_record(
                 j, jsonb_build_object('tenant_id', t.id, 'id', gen_random_uuid())) own
         WHERE j.kind = 'orders.purge' AND j.status = 'queued' AND t.slug LIKE 'idle-%';"
    ))?;
    let what = format!("export beside {jobs} maintenance jobs that are due");
    let mut comparison = Comparison::new(what, Percentile::P50, 2.0);
    for _ in 0..rounds {
        until_done(system, "kind = 'orders.purge'").await?;
        comparison.alone.push(exports(system, &channel, lasting).await?);
        system.psql(
            "UPDATE jobs.jobs SET due_at = now() FROM tenancy.tenants t
             WHERE t.id = tenant_id AND t.slug LIKE 'idle-%' AND kind = 'orders.purge' AND jobs.status = 'queued';",
        )?;
        comparison.beside.push(exports(system, &channel, lasting).await?);
    }
    Ok(comparison)
}

/// Runs the quiet tenant's exports, one after another: at least one, and until the time is over.
async fn exports(system: &System, channel: &Channel, lasting: Duration) -> Result<Figures, Failure> {
    let bearer = bearer(system, "quiet")?;
    // The exports of the round before are deleted, so that they do not count against the limit.
    system.psql("DELETE FROM orders.export_chunks; DELETE FROM orders.exports;")?;
    let mut client = ExportServiceClient::new(channel.clone());
    let began = Instant::now();
    let mut latencies = Vec::new();
    while latencies.is_empty() || (began.elapsed() < lasting && latencies.len() < MOST_A_ROUND) {
        let asked = Instant::now();
        let new = CreateExportRequest {
            idempotency_key: None,
            resource: "orders".to_owned(),
            format: ExportFormat::Csv.into(),
            ..CreateExportRequest::default()
        };
        let answer = client.create_export(request(&bearer, new)).await?.into_inner();
        let Export { id, .. } = answer.export.ok_or("an answer has no export")?;
        loop {
            let get = GetExportRequest { id: id.clone() };
            let answer = client.get_export(request(&bearer, get)).await?.into_inner();
            match answer.export.map(|export| export.status()) {
                Some(ExportStatus::Queued | ExportStatus::Running) => sleep(LOOK).await,
                Some(ExportStatus::Succeeded) => break,
                other => return Err(format!("an export has become {other:?}").into()),
            }
        }
        latencies.push(asked.elapsed());
    }
    Ok(Figures::of(latencies, began.elapsed()).ok_or("no export was made")?)
}

/// Waits until no such job runs or is due, and no worker has a tenant left to check.
async fn until_done(system: &System, jobs: &str) -> Result<(), Failure> {
    let left = format!(
        "SELECT (SELECT count(*) FROM jobs.jobs
                 WHERE {jobs} AND (status = 'running' OR (status = 'queued' AND due_at <= now())))
              + (SELECT count(*) FROM jobs.lanes WHERE queue = 'rowhouse_orders' AND ready);"
    );
    let began = Instant::now();
    while system.psql(&left)?.trim() != "0" {
        if began.elapsed() > PATIENCE {
            return Err(format!("jobs are still due after {PATIENCE:?}").into());
        }
        sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}

fn slug(tenant: usize) -> String {
    format!("black-hole-{tenant}")
}

/// Returns a new token each time, since the run may be longer than a token's lifetime.
fn bearer(system: &System, slug: &str) -> Result<MetadataValue<Ascii>, Failure> {
    Ok(format!("Bearer {}", system.login(slug)?).parse()?)
}
