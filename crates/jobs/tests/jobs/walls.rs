//! What a service's role may not do, in SQL.

use diesel::sql_types::{BigInt, Uuid as SqlUuid};
use diesel::{QueryableByName, sql_query};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use rowhouse_testkit::Role;

use crate::world::{World, note};

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[tokio::test(flavor = "multi_thread")]
async fn no_role_reaches_the_lanes_or_another_services_queue() {
    let world = World::new().await;
    let cx = world.tenant().await;
    world.enqueue(&cx, note("orders'")).await;
    for role in [Role::Auth, Role::Onboarding, Role::Orders] {
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
        if role != Role::Orders {
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

/// The claim's context does not stay behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_leaves_no_tenant_open() {
    let world = World::new().await;
    let cx = world.tenant().await;
    world.enqueue(&cx, note("orders'")).await;
    let mut conn = world.database.connect_as(Role::Orders).await;
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
