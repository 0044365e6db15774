//! Endpoints that time out or fail: their effect on others, and their end.

use std::time::{Duration, Instant};

use diesel::dsl::sql;
use diesel::sql_types::BigInt;
use diesel_async::SimpleAsyncConnection;
use rowhouse_proto::orders::v1::WebhookDeliveryStatus::{Delivered, Failed, Pending};
use rowhouse_proto::orders::v1::{
    ExportFormat, ExportStatus, ListWebhookEndpointsRequest, UpdateWebhookEndpointRequest,
    WebhookDisabledReason, WebhookEndpoint,
};
use rowhouse_tokens::Role;

use super::{Receiver, Webhooks, world};
use crate::exports_support::Exports;
use crate::world::{Orders, an_order};

async fn endpoint(webhooks: &Webhooks) -> WebhookEndpoint {
    webhooks.endpoints(ListWebhookEndpointsRequest::default()).await.unwrap().webhook_endpoints.remove(0)
}

/// Waits until the endpoint satisfies a condition.
async fn until(webhooks: &Webhooks, is_so: impl Fn(&WebhookEndpoint) -> bool) -> WebhookEndpoint {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let found = endpoint(webhooks).await;
        if is_so(&found) {
            return found;
        }
        assert!(Instant::now() < deadline, "{found:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn place(orders: &Orders, count: usize) {
    for _ in 0..count {
        orders.create(an_order()).await.unwrap();
    }
}

/// Several tenants have receivers that accept and never answer: another tenant's export and webhook do not wait for
/// the fifteen seconds of an attempt, and each endpoint has at most four attempts at a time.
#[tokio::test(flavor = "multi_thread")]
async fn receivers_that_never_answer_delay_no_others() {
    let (world, quiet, webhooks) = world().await;
    let mut receivers = Vec::new();
    for tenant in 0..3 {
        let orders = world.tenant(&format!("silent-{tenant}")).await;
        let of_silent = Webhooks::of(&world, orders.tenant, Role::Admin).await;
        for _ in 0..4 {
            let silent = Receiver::start().await;
            silent.always("");
            of_silent.register(&silent).await;
            receivers.push(silent);
        }
        place(&orders, 6).await;
    }
    // They have all that they get.
    let received = || receivers.iter().map(|silent| silent.received().len()).sum::<usize>();
    let deadline = Instant::now() + Duration::from_secs(30);
    while received() < 3 * 8 {
        assert!(Instant::now() < deadline, "{}", received());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let began = Instant::now();
    let exports = Exports::of(&world, quiet.tenant, Role::Admin).await;
    let export = exports.create(ExportFormat::Csv, None).await.unwrap();
    assert_eq!(exports.ended(&export.id).await.status(), ExportStatus::Succeeded);
    let good = Receiver::start().await;
    webhooks.register(&good).await;
    place(&quiet, 1).await;
    good.first(1).await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    for (most, group) in [(4, "payload->>'webhook_endpoint_id'"), (8, "tenant_id")] {
        let running = format!(
            "SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM jobs.jobs
             WHERE class = 'delivery' AND status = 'running' GROUP BY {group}) AS g"
        );
        let mut admin = world.database.admin().await;
        let found: i64 =
            diesel_async::RunQueryDsl::get_result(sql::<BigInt>(&running), &mut admin).await.unwrap();
        assert!((1..=most).contains(&found), "{group}: {found}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_fails_is_left_alone_and_tried_with_one_delivery() {
    let (world, orders, webhooks) = world().await;
    let receiver = Receiver::start().await;
    let (id, _) = webhooks.register(&receiver).await;
    receiver.always("500 Oops");
    place(&orders, 8).await;
    let paused = until(&webhooks, |endpoint| endpoint.paused_until.is_some()).await;
    assert!(paused.failing_since.is_some() && paused.enabled);
    // Deliveries that were under way at the pause end; then only one at a time is sent.
    webhooks.until(|all| all.iter().filter(|one| one.attempt_count > 0).count() >= 5).await;
    let mut expected = settled(&receiver).await;
    let mut until_then = paused.paused_until.unwrap();
    for _ in 0..2 {
        webhooks.test(&id).await.unwrap();
        expected += 1;
        receiver.first(expected).await;
        let longer = until(&webhooks, |endpoint| {
            endpoint
                .paused_until
                .is_some_and(|at| (at.seconds, at.nanos) > (until_then.seconds, until_then.nanos))
        })
        .await;
        until_then = longer.paused_until.unwrap();
        assert_eq!(settled(&receiver).await, expected);
    }
    let waiting = webhooks.deliveries().await;
    assert!(waiting.iter().all(|one| one.status() == Pending), "{waiting:?}");

    // After the first success all waiting deliveries follow.
    receiver.always("200 OK");
    webhooks.test(&id).await.unwrap();
    webhooks
        .until(|all| {
            all.len() == 11
                && all.iter().filter(|one| one.attempt_count == 1).all(|one| one.status() == Delivered)
        })
        .await;
    let well = until(&webhooks, |endpoint| endpoint.paused_until.is_none()).await;
    assert!(well.failing_since.is_none() && well.enabled);
    // Those that were tried before have due times of their own.
    for delivery in webhooks.deliveries().await {
        if delivery.status() == Pending {
            webhooks.redeliver(&delivery.id).await.unwrap();
        }
    }
    webhooks.until_statuses(&[Delivered; 11]).await;
    world.stop().await;
}

/// Returns the number of requests after there were no more for a while.
async fn settled(receiver: &Receiver) -> usize {
    let mut seen = receiver.received().len();
    loop {
        tokio::time::sleep(Duration::from_millis(700)).await;
        let now = receiver.received().len();
        if now == seen {
            return seen;
        }
        seen = now;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_days_of_failures_an_endpoint_is_disabled() {
    let (world, orders, webhooks) = world().await;
    let receiver = Receiver::start().await;
    let (id, _) = webhooks.register(&receiver).await;
    receiver.always("500 Oops");
    place(&orders, 8).await;
    until(&webhooks, |endpoint| endpoint.paused_until.is_some()).await;
    settled(&receiver).await;
    let days = "UPDATE orders.webhook_endpoints
                SET failing_since = now() - interval '121 hours', failure_count = 30";
    world.database.admin().await.batch_execute(days).await.unwrap();
    webhooks.test(&id).await.unwrap();
    let disabled = until(&webhooks, |endpoint| !endpoint.enabled).await;
    assert_eq!(disabled.disabled_reason(), WebhookDisabledReason::Failing);
    assert!(disabled.paused_until.is_none());
    // The waiting deliveries fail, with the reason.
    let deliveries = webhooks.until_statuses(&[Failed; 9]).await;
    assert!(deliveries.iter().any(|one| one.attempts[0].error.contains("disabled")), "{deliveries:?}");

    // When it is enabled again, its failures are cleared.
    receiver.always("200 OK");
    let enable = UpdateWebhookEndpointRequest { id, enabled: Some(true), ..Default::default() };
    let enabled = webhooks.update(enable).await.unwrap();
    assert_eq!(enabled.disabled_reason(), WebhookDisabledReason::Unspecified);
    assert!(enabled.failing_since.is_none());
    place(&orders, 1).await;
    webhooks.until(|all| all.last().is_some_and(|one| one.status() == Delivered)).await;
    world.stop().await;
}

/// An endpoint that is disabled during a pause has nothing left to send.
#[tokio::test(flavor = "multi_thread")]
async fn a_paused_endpoints_deliveries_end_with_it() {
    let (world, orders, webhooks) = world().await;
    let receiver = Receiver::start().await;
    let (id, _) = webhooks.register(&receiver).await;
    receiver.always("500 Oops");
    place(&orders, 8).await;
    until(&webhooks, |endpoint| endpoint.paused_until.is_some()).await;
    let disable = UpdateWebhookEndpointRequest { id, enabled: Some(false), ..Default::default() };
    let disabled = webhooks.update(disable).await.unwrap();
    assert_eq!(disabled.disabled_reason(), WebhookDisabledReason::Unspecified, "nobody but them");
    webhooks.until_statuses(&[Failed; 8]).await;
    world.stop().await;
}

/// An endpoint that is disabled repeatedly before auth runs the job is reported once.
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_disabled_again_and_again_is_reported_once() {
    let (world, orders, webhooks) = world().await;
    let (receiver, other) = (Receiver::start().await, Receiver::start().await);
    receiver.always("410 Gone");
    let (id, _) = webhooks.register(&receiver).await;
    for _ in 0..3 {
        place(&orders, 1).await;
        until(&webhooks, |endpoint| !endpoint.enabled).await;
        let enable =
            UpdateWebhookEndpointRequest { id: id.clone(), enabled: Some(true), ..Default::default() };
        webhooks.update(enable).await.unwrap();
    }
    let reports =
        "SELECT count(*) FROM jobs.jobs WHERE kind = 'webhook.report_disabled' AND status = 'queued'";
    let mut admin = world.database.admin().await;
    let mut count = async || {
        diesel_async::RunQueryDsl::get_result::<i64>(sql::<BigInt>(reports), &mut admin).await.unwrap()
    };
    assert_eq!(count().await, 1);
    // Another endpoint has a report of its own.
    webhooks.delete(&id).await.unwrap();
    other.always("410 Gone");
    webhooks.register(&other).await;
    place(&orders, 1).await;
    until(&webhooks, |endpoint| !endpoint.enabled).await;
    assert_eq!(count().await, 2);
    world.stop().await;
}
