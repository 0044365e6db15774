//! A tenant's jobs, as its people see them.

use rowhouse_chassis::error::{Code, fault};
use rowhouse_proto::ERROR_CODES;
use rowhouse_proto::jobs::v1::error_code;
use rowhouse_proto::jobs::v1::{
    CancelJobRequest, GetJobRequest, Job, JobStatus, ListJobsRequest, ListJobsResponse,
};
use tonic::Status;

use crate::support::{PASSWORD, World, refused, request, with_token};

const MISSING: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

/// Adds jobs without a handler, so that they stay.
async fn add_jobs(world: &World, tenant: &str, count: usize, cancellable: bool) {
    world
        .sql(&format!(
            "INSERT INTO jobs.jobs (tenant_id, id, queue, kind, payload, max_attempts, cancellable, due_at)
             SELECT '{tenant}', gen_random_uuid(), 'rowhouse_orders', 'test.wait', '{{}}', 3, {cancellable}, now() + interval '1 year'
             FROM generate_series(1, {count})"
        ))
        .await;
}

async fn list(world: &World, token: &str, list: ListJobsRequest) -> Result<ListJobsResponse, Status> {
    Ok(world.jobs().list_jobs(with_token(token, list)).await?.into_inner())
}

async fn get(world: &World, token: &str, id: &str) -> Result<Job, Status> {
    let request = with_token(token, GetJobRequest { id: id.to_owned() });
    Ok(world.jobs().get_job(request).await?.into_inner().job.unwrap())
}

async fn cancel(world: &World, token: &str, id: &str) -> Result<Job, Status> {
    let request = with_token(token, CancelJobRequest { id: id.to_owned() });
    Ok(world.jobs().cancel_job(request).await?.into_inner().job.unwrap())
}

fn all(page_size: i32, page_token: &str) -> ListJobsRequest {
    ListJobsRequest { page_size, page_token: page_token.to_owned(), status: 0 }
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_all_services_are_listed_page_by_page() {
    let world = World::start().await;
    let acme = world.onboard(request("Acme", "ada@example.com")).await.unwrap().tenant.unwrap();
    world.onboard(request("Globex", "bob@example.com")).await.unwrap();
    let token = world.login("ada@example.com", PASSWORD, None).await.unwrap().access_token;
    world
        .until("SELECT count(*) FROM jobs.jobs WHERE kind = 'letter.send' AND status = 'succeeded'", "2")
        .await;

    let first = list(&world, &token, all(0, "")).await.unwrap();
    let mut kinds: Vec<_> =
        first.jobs.iter().map(|job| (job.queue.as_str(), job.kind.as_str(), job.status())).collect();
    kinds.sort();
    assert_eq!(
        kinds,
        [
            ("auth", "letter.send", JobStatus::Succeeded),
            ("onboarding", "tenant.set_up", JobStatus::Succeeded),
            ("orders", "orders.purge", JobStatus::Queued),
        ]
    );
    let purge = first.jobs.iter().find(|job| job.kind == "orders.purge").unwrap();
    assert_eq!((purge.every_seconds, purge.cancellable), (Some(24 * 60 * 60), false));
    assert_eq!(&get(&world, &token, &purge.id).await.unwrap(), purge);

    add_jobs(&world, &acme.id, 7, true).await;
    let mut seen = Vec::new();
    let mut next = String::new();
    loop {
        let page = list(&world, &token, all(4, &next)).await.unwrap();
        seen.extend(page.jobs.into_iter().map(|job| job.id));
        next = page.next_page_token;
        if next.is_empty() {
            break;
        }
    }
    assert_eq!(seen.len(), 10);
    assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "newest first: {seen:?}");
    let succeeded = ListJobsRequest { status: JobStatus::Succeeded.into(), ..all(1, "") };
    let page = list(&world, &token, succeeded.clone()).await.unwrap();
    assert_eq!(page.jobs.len(), 1);
    let other_list = ListJobsRequest { page_token: page.next_page_token, ..all(1, "") };
    assert_eq!(refused(list(&world, &token, other_list).await), Code::INVALID_ARGUMENT);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_cancelled_by_who_may_and_if_it_can_be() {
    let world = World::start().await;
    let acme = world.onboard(request("Acme", "ada@example.com")).await.unwrap().tenant.unwrap();
    let token = world.login("ada@example.com", PASSWORD, None).await.unwrap().access_token;
    add_jobs(&world, &acme.id, 1, true).await;
    let found = "SELECT id FROM jobs.jobs WHERE kind = 'test.wait'";
    let id = world.value(found).await;
    let cancelled = cancel(&world, &token, &id).await.unwrap();
    assert!(cancelled.cancel_requested || cancelled.status() == JobStatus::Cancelled, "{cancelled:?}");

    let purge = world.value("SELECT id FROM jobs.jobs WHERE kind = 'orders.purge'").await;
    assert_eq!(refused(cancel(&world, &token, &purge).await), error_code::JOB_NOT_CANCELLABLE);
    let done = world.value("SELECT id FROM jobs.jobs WHERE kind = 'tenant.set_up'").await;
    assert_eq!(refused(cancel(&world, &token, &done).await), error_code::JOB_NOT_CANCELLABLE);

    world.sql("UPDATE auth.memberships SET role = 'viewer'").await;
    let token = world.login("ada@example.com", PASSWORD, None).await.unwrap().access_token;
    get(&world, &token, &id).await.unwrap();
    assert_eq!(refused(cancel(&world, &token, &id).await), Code::PERMISSION_DENIED);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_job_and_a_missing_one_get_the_same_answer() {
    let world = World::start().await;
    let acme = world.onboard(request("Acme", "ada@example.com")).await.unwrap().tenant.unwrap();
    world.onboard(request("Globex", "bob@example.com")).await.unwrap();
    add_jobs(&world, &acme.id, 1, true).await;
    let foreign = world.value("SELECT id FROM jobs.jobs WHERE kind = 'test.wait'").await;
    let token = world.login("bob@example.com", PASSWORD, None).await.unwrap().access_token;
    for id in [foreign.as_str(), MISSING, "", "acme"] {
        for answer in [get(&world, &token, id).await, cancel(&world, &token, id).await] {
            let answer = answer.unwrap_err();
            assert_eq!(
                (fault(&answer, ERROR_CODES).code, answer.message()),
                (error_code::JOB_NOT_FOUND, "there is no job with this id")
            );
        }
    }
    let untouched = "SELECT cancel_requested FROM jobs.jobs WHERE kind = 'test.wait'";
    assert_eq!(world.value(untouched).await, "false");
    let nobody = world.jobs().list_jobs(all(0, "")).await;
    assert_eq!(refused(nobody), Code::TOKEN_MISSING);
    world.stop().await;
}
