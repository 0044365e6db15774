//! Limits on a service's role, in SQL.

use diesel::sql_types::{BigInt, Uuid as SqlUuid};
use diesel::{QueryableByName, sql_query};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use rowhouse_testkit::ServiceName;

use crate::world::{World, note};

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[tokio::test(flavor = "multi_thread")]
async fn no_role_accesses_the_queues_state_or_another_services_queue() {
    let world = World::new().await;
    let cx = world.tenant().await;
    world.enqueue(&cx, note("orders'")).await;
    for role in [ServiceName::Auth, ServiceName::Onboarding, ServiceName::Orders] {
        let mut conn = world.database.connect_as(role).await;
        for refused in [
            "SELECT FROM jobs.lanes",
            "UPDATE jobs.lanes SET ready = true",
            "DELETE FROM jobs.jobs",
            "TRUNCATE jobs.jobs",
            "UPDATE jobs.jobs SET queue = 'rowhouse_auth'",
            "UPDATE jobs.jobs SET payload = '{}'",
            "UPDATE jobs.jobs SET tenant_id = gen_random_uuid()",
            "INSERT INTO jobs.jobs (tenant_id, id, queue, kind, payload, max_attempts)
             VALUES (gen_random_uuid(), gen_random_uuid(), 'rowhouse_auth', 'mail', '{}', 1)",
        ] {
            let error = conn.batch_execute(refused).await.unwrap_err().to_string();
            assert!(error.contains("permission denied"), "{role:?} {refused}: {error}");
        }
        let seen: Count = sql_query("SELECT count(*) FROM jobs.jobs").get_result(&mut conn).await.unwrap();
        assert_eq!(seen.count, 0, "{role:?} sees jobs without a tenant");
        if role != ServiceName::Orders {
            let claimed: Count =
                sql_query("SELECT count(*) FROM jobs.claim(gen_random_uuid(), 10, interval '1 minute')")
                    .get_result(&mut conn)
                    .await
                    .unwrap();
            assert_eq!(claimed.count, 0, "{role:?} claims another's jobs");
            let claimed: Count = sql_query(
                "SELECT count(job_id) FROM jobs.claim('interactive', gen_random_uuid(), 10, 10, NULL, interval '1 minute')",
            )
            .get_result(&mut conn)
            .await
            .unwrap();
            assert_eq!(claimed.count, 0, "{role:?} claims another's jobs");
        }
    }
}

/// A claim leaves no tenant context behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_leaves_no_tenant_open() {
    let world = World::new().await;
    let cx = world.tenant().await;
    world.enqueue(&cx, note("orders'")).await;
    let mut conn = world.database.connect_as(ServiceName::Orders).await;
    conn.batch_execute("BEGIN").await.unwrap();
    let claimed: Count =
        sql_query("SELECT count(tenant_id) FROM jobs.claim(gen_random_uuid(), 10, interval '1 minute')")
            .get_result(&mut conn)
            .await
            .unwrap();
    assert_eq!(claimed.count, 1);
    let seen: Count = sql_query("SELECT count(*) FROM jobs.jobs").get_result(&mut conn).await.unwrap();
    assert_eq!(seen.count, 0);
    // Another tenant can be entered in the same transaction only because none is.
    let other = world.tenant().await;
    sql_query("SELECT tenancy.set_tenant_context($1)")
        .bind::<SqlUuid, _>(other.tenant())
        .execute(&mut conn)
        .await
        .unwrap();
}

/// Inside a tenant, a service sees the ids of other services' jobs. It can neither read their payloads nor change
/// them.
#[tokio::test(flavor = "multi_thread")]
async fn in_a_tenant_the_jobs_of_other_services_are_out_of_reach() {
    let world = World::new().await;
    let cx = world.tenant().await;
    let id = world.enqueue(&cx, note("orders'")).await;
    let enter = format!("BEGIN; SELECT tenancy.set_tenant_context('{}')", cx.tenant());
    for role in [ServiceName::Auth, ServiceName::Onboarding] {
        let mut conn = world.database.connect_as(role).await;
        for (change, refusal) in [
            ("UPDATE jobs.jobs SET status = 'cancelled', finished_at = now()", "another service"),
            ("UPDATE jobs.jobs SET cancel_requested = true", "another service"),
            ("UPDATE jobs.jobs SET due_at = 'infinity'", "another service"),
            ("UPDATE jobs.jobs SET class = 'maintenance'", "another service"),
            ("SELECT payload FROM jobs.jobs", "permission denied"),
            ("SELECT * FROM jobs.jobs", "permission denied"),
        ] {
            conn.batch_execute(&enter).await.unwrap();
            let error = conn.batch_execute(change).await.unwrap_err().to_string();
            assert!(error.contains(refusal), "{role:?} {change}: {error}");
            conn.batch_execute("ROLLBACK").await.unwrap();
        }
    }
    // A known lease does not help.
    let claim = format!(
        "SELECT count(job_id) FROM jobs.claim('interactive', '{id}', 10, 10, NULL, interval '1 minute')"
    );
    let mut own = world.database.connect_as(ServiceName::Orders).await;
    assert_eq!(sql_query(claim).get_result::<Count>(&mut own).await.unwrap().count, 1);
    let task = format!("SELECT count(*) FROM jobs.task('{}', '{id}', '{id}')", cx.tenant());
    for (role, seen) in [(ServiceName::Auth, 0), (ServiceName::Onboarding, 0), (ServiceName::Orders, 1)] {
        let mut conn = world.database.connect_as(role).await;
        let outside: Count = sql_query(&task).get_result(&mut conn).await.unwrap();
        assert_eq!(outside.count, 0, "{role:?} outside of the tenant");
        conn.batch_execute(&enter).await.unwrap();
        assert_eq!(sql_query(&task).get_result::<Count>(&mut conn).await.unwrap().count, seen, "{role:?}");
    }
    // Only auth, which has the methods for it, cancels other services' jobs; only orders enqueues a job for auth.
    for (role, refused) in [
        (ServiceName::Onboarding, "jobs.cancel(gen_random_uuid(), gen_random_uuid())"),
        (ServiceName::Orders, "jobs.cancel(gen_random_uuid(), gen_random_uuid())"),
        (ServiceName::Auth, "jobs.report_disabled_endpoint(gen_random_uuid(), gen_random_uuid(), 'gone')"),
        (
            ServiceName::Onboarding,
            "jobs.report_disabled_endpoint(gen_random_uuid(), gen_random_uuid(), 'gone')",
        ),
    ] {
        let mut conn = world.database.connect_as(role).await;
        let error = conn.batch_execute(&format!("SELECT {refused}")).await.unwrap_err().to_string();
        assert!(error.contains("permission denied"), "{role:?} {refused}: {error}");
    }
}
