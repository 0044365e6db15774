//! A tenant's jobs, as its people see them.

use rowhouse_chassis::error::{Code, fault};
use rowhouse_proto::ERROR_CODES;
use rowhouse_proto::auth::v1::Role;
use rowhouse_proto::jobs::v1::error_code;
use rowhouse_proto::jobs::v1::{
    CancelJobRequest, GetJobRequest, Job, JobStatus, ListJobsRequest, ListJobsResponse,
};
use rowhouse_tenancy::TenantId;
use rowhouse_tenancy::grpc::carry_token;
use tonic::{Request, Status};

use crate::support::{Service, refused};
use crate::team::{Caller, login, member};

const MISSING: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

/// Adds jobs without a handler, so that they stay.
async fn add_jobs(service: &Service, tenant: TenantId, count: usize, cancellable: bool) {
    service
        .sql(&format!(
            "INSERT INTO jobs.jobs (tenant_id, id, queue, kind, payload, max_attempts, cancellable, due_at)
             SELECT '{tenant}', gen_random_uuid(), 'rowhouse_orders', 'test.wait', '{{}}', 3, {cancellable}, now() + interval '1 year'
             FROM generate_series(1, {count})"
        ))
        .await;
}

/// Adds a job of each service: two that have succeeded, and one that recurs.
async fn add_jobs_of_all_services(service: &Service, tenant: TenantId) {
    service.until_sent().await;
    service
        .sql(&format!(
            "DELETE FROM jobs.jobs;
             INSERT INTO jobs.jobs (tenant_id, id, queue, kind, payload, max_attempts, status, finished_at)
             VALUES ('{tenant}', gen_random_uuid(), 'rowhouse_auth', 'letter.send', '{{}}', 3, 'succeeded', now()),
                    ('{tenant}', gen_random_uuid(), 'rowhouse_onboarding', 'tenant.set_up', '{{}}', 3, 'succeeded', now());
             INSERT INTO jobs.jobs (tenant_id, id, queue, kind, payload, max_attempts, every_seconds, due_at)
             VALUES ('{tenant}', gen_random_uuid(), 'rowhouse_orders', 'orders.purge', '{{}}', 3, 86400, now() + interval '1 day')"
        ))
        .await;
}

fn signed<T>(caller: &Caller<'_>, message: T) -> Request<T> {
    let mut request = Request::new(message);
    carry_token(request.metadata_mut(), caller.tenant, &caller.token);
    request
}

async fn list(caller: &Caller<'_>, list: ListJobsRequest) -> Result<ListJobsResponse, Status> {
    Ok(caller.running.jobs().list_jobs(signed(caller, list)).await?.into_inner())
}

async fn get(caller: &Caller<'_>, id: &str) -> Result<Job, Status> {
    let request = signed(caller, GetJobRequest { id: id.to_owned() });
    Ok(caller.running.jobs().get_job(request).await?.into_inner().job.unwrap())
}

async fn cancel(caller: &Caller<'_>, id: &str) -> Result<Job, Status> {
    let request = signed(caller, CancelJobRequest { id: id.to_owned() });
    Ok(caller.running.jobs().cancel_job(request).await?.into_inner().job.unwrap())
}

fn all(page_size: i32, page_token: &str) -> ListJobsRequest {
    ListJobsRequest { page_size, page_token: page_token.to_owned(), status: 0 }
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_all_services_are_listed_page_by_page() {
    let service = Service::start().await;
    let (acme, globex) = (service.tenant("acme").await, service.tenant("globex").await);
    let ada = member(&service, acme, "ada@example.com", Role::Owner).await;
    add_jobs_of_all_services(&service, acme).await;
    add_jobs(&service, globex, 1, true).await;

    let first = list(&ada, all(0, "")).await.unwrap();
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
    assert_eq!(&get(&ada, &purge.id).await.unwrap(), purge);

    add_jobs(&service, acme, 7, true).await;
    let mut seen = Vec::new();
    let mut next = String::new();
    loop {
        let page = list(&ada, all(4, &next)).await.unwrap();
        seen.extend(page.jobs.into_iter().map(|job| job.id));
        next = page.next_page_token;
        if next.is_empty() {
            break;
        }
    }
    assert_eq!(seen.len(), 10);
    assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "newest first: {seen:?}");
    let succeeded = ListJobsRequest { status: JobStatus::Succeeded.into(), ..all(1, "") };
    let page = list(&ada, succeeded.clone()).await.unwrap();
    assert_eq!(page.jobs.len(), 1);
    let other_list = ListJobsRequest { page_token: page.next_page_token, ..all(1, "") };
    assert_eq!(refused(list(&ada, other_list).await), Code::INVALID_ARGUMENT);
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_cancelled_by_who_may_and_if_it_can_be() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    let ada = member(&service, acme, "ada@example.com", Role::Owner).await;
    add_jobs_of_all_services(&service, acme).await;
    add_jobs(&service, acme, 1, true).await;
    let found = "SELECT id FROM jobs.jobs WHERE kind = 'test.wait'";
    let id = service.value(found).await;
    let cancelled = cancel(&ada, &id).await.unwrap();
    assert!(cancelled.cancel_requested || cancelled.status() == JobStatus::Cancelled, "{cancelled:?}");

    let purge = service.value("SELECT id FROM jobs.jobs WHERE kind = 'orders.purge'").await;
    assert_eq!(refused(cancel(&ada, &purge).await), error_code::JOB_NOT_CANCELLABLE);
    let done = service.value("SELECT id FROM jobs.jobs WHERE kind = 'tenant.set_up'").await;
    assert_eq!(refused(cancel(&ada, &done).await), error_code::JOB_NOT_CANCELLABLE);

    service.sql("UPDATE auth.memberships SET role = 'viewer'").await;
    let viewer = login(&service, acme, "ada@example.com").await;
    get(&viewer, &id).await.unwrap();
    assert_eq!(refused(cancel(&viewer, &id).await), Code::PERMISSION_DENIED);
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_job_and_a_missing_one_get_the_same_answer() {
    let service = Service::start().await;
    let (acme, globex) = (service.tenant("acme").await, service.tenant("globex").await);
    let bob = member(&service, globex, "bob@example.com", Role::Owner).await;
    add_jobs(&service, acme, 1, true).await;
    let foreign = service.value("SELECT id FROM jobs.jobs WHERE kind = 'test.wait'").await;
    for id in [foreign.as_str(), MISSING, "", "acme"] {
        for answer in [get(&bob, id).await, cancel(&bob, id).await] {
            let answer = answer.unwrap_err();
            assert_eq!(
                (fault(&answer, ERROR_CODES).code, answer.message()),
                (error_code::JOB_NOT_FOUND, "there is no job with this id")
            );
        }
    }
    let untouched = "SELECT cancel_requested FROM jobs.jobs WHERE kind = 'test.wait'";
    assert_eq!(service.value(untouched).await, "false");
    let nobody = service.running.jobs().list_jobs(all(0, "")).await;
    assert_eq!(refused(nobody), Code::TOKEN_MISSING);
    service.running.stop().await;
}
