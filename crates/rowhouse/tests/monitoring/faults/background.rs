//! Emails, webhooks and jobs that fail.

use diesel_async::SimpleAsyncConnection;
use reqwest::StatusCode;
use rowhouse_jobs::WorkerArgs;
use rowhouse_testkit::smtp::Instead;
use rowhouse_testkit::{Tenant, TestOptions, TestSystem};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, sink};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::World;
use super::watch::{Series, Watch};
use crate::usage::{Client, WEBHOOKS, order};

const EMAILS: &str = "rowhouse_emails_total";
const ATTEMPTS: &str = "rowhouse_job_attempts_total";
const SENDING: (&str, &str) = ("rowhouse_job_kind", "letter.send");
/// Twice the number of parts into which an endpoint's deliveries are divided, so that some wait for others.
const ORDERS: usize = 8;
/// The number of emails that the server refuses for good: with the one that confirms the administrator's address, one of a tenant at
/// least. It takes none of the others for the moment.
const REFUSED: usize = 2;

/// Answers each request with this status, when it may.
async fn receiver(status: &'static str, may_answer: watch::Receiver<bool>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/{status}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut may_answer = may_answer.clone();
            tokio::spawn(async move {
                drop(stream.read(&mut [0; 4096]).await);
                drop(may_answer.wait_for(|may| *may).await);
                let answer = format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                drop(stream.write_all(answer.as_bytes()).await);
                // A socket that is closed with something unread takes the answer back.
                drop(copy(&mut stream, &mut sink()).await);
            });
        }
    });
    url
}

/// Delivers webhooks to a receiver that takes them, and to one that is gone while others wait for it.
pub(super) async fn webhooks(world: &World<'_>, tenant: &Tenant) {
    let series: [Series; 3] = [
        (WEBHOOKS, &[("rowhouse_webhook_result", "delivered")]),
        (WEBHOOKS, &[("rowhouse_webhook_result", "failed")]),
        ("rowhouse_webhook_suppressed_total", &[]),
    ];
    let (client, watch) = (Client(&world.system), Watch::begin(world.metrics, &series).await);
    let (answer, may_answer) = watch::channel(false);
    for status in ["204", "410"] {
        let url = receiver(status, may_answer.clone()).await;
        let endpoint = json!({ "url": url, "events": ["order.created"] });
        client.post("/v1/webhook-endpoints", &tenant.token, endpoint).await;
    }
    for _ in 0..ORDERS {
        client.post("/v1/orders", &tenant.token, order()).await;
    }
    answer.send_replace(true);
    watch.until_grown().await;
}

/// Invites people whose server refuses emails, or does not take them for the moment; and one of them too often.
pub(super) async fn emails(world: &World<'_>, tenant: &Tenant) {
    let series: [Series; 6] = [
        (EMAILS, &[("rowhouse_email_result", "failed")]),
        (EMAILS, &[("rowhouse_email_result", "postponed")]),
        (EMAILS, &[("rowhouse_email_result", "suppressed")]),
        ("rowhouse_limit_refused_total", &[("rowhouse_limit", "emails")]),
        (ATTEMPTS, &[SENDING, ("rowhouse_job_result", "dead")]),
        (ATTEMPTS, &[SENDING, ("rowhouse_job_result", "retried")]),
    ];
    let (client, watch) = (Client(&world.system), Watch::begin(world.metrics, &series).await);
    world.smtp.instead(&[Instead::Answer("550 there is nobody with this name"); REFUSED]);
    world.smtp.instead(&[Instead::Answer("451 try again later"); 1000]);
    for number in 0..2 * REFUSED {
        let invitation = json!({ "email": format!("guest-{number}@example.com"), "role": "member" });
        client.post("/v1/invitations", &tenant.token, invitation).await;
    }
    let often = json!({ "email": "often@example.com", "role": "member" });
    let invitation = client.post("/v1/invitations", &tenant.token, often).await;
    let again = format!("/v1/invitations/{}/resend", invitation["id"].as_str().unwrap());
    let refused = async {
        loop {
            let answer = client.request(reqwest::Method::POST, &again, &tenant.token).send().await.unwrap();
            if answer.status() == StatusCode::TOO_MANY_REQUESTS {
                return;
            }
            assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text().await.unwrap());
        }
    };
    refused.await;
    watch.until_grown().await;
}

/// Starts the system again without workers, and with the emails that could not be sent.
pub(super) async fn due_jobs(world: World<'_>) {
    let World { metrics, system, .. } = world;
    let database = system.shutdown().await;
    let due = "UPDATE jobs.jobs SET due_at = now() - interval '1 min' WHERE kind = 'letter.send';
        UPDATE jobs.lanes SET due_at = now() - interval '1 min'";
    database.admin().await.batch_execute(due).await.unwrap();
    let watch = Watch::begin(
        metrics,
        &[("rowhouse_jobs_due", &[SENDING]), ("rowhouse_jobs_due_oldest_age_seconds", &[SENDING])],
    )
    .await;
    let idle =
        WorkerArgs { workers: 0, delivery_workers: 0, maintenance_workers: 0, ..WorkerArgs::default() };
    let system = TestSystem::start_on(database, TestOptions { jobs: idle, ..TestOptions::default() }).await;
    watch.until_grown().await;
    system.shutdown().await;
}
