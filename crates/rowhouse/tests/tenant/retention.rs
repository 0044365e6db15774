//! Old data is deleted after its retention.

use std::time::{Duration, Instant};

use diesel::dsl::sql;
use diesel::sql_types::Text;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use rowhouse_testkit::{ServiceName, TestDatabase, TestOptions, TestSystem};

const ACME: &str = "00000000-0000-7000-8000-000000000001";

/// Rows of each kind, some of them older than the defaults.
async fn old_and_new() -> TestDatabase {
    let database = TestDatabase::create().await;
    let rows = format!(
        "INSERT INTO tenancy.tenants (id, slug, name, status) VALUES ('{ACME}', 'acme', 'Acme', 'suspended');
         INSERT INTO auth.audit_log (tenant_id, id, occurred_at, actor_type, action, outcome)
         SELECT '{ACME}', gen_random_uuid(), now() - make_interval(days => d), 'system', 'age.' || d, 'success'
         FROM unnest(ARRAY[1, 20, 399, 401, 5000]) d;
         INSERT INTO auth.identities (id, email, updated_at, disabled_at)
         SELECT gen_random_uuid(), name || '@example.com', now() - make_interval(days => d), nullif(off, '')::timestamptz
         FROM (VALUES ('member', 500, ''), ('gone', 500, ''), ('disabled', 500, 'now'), ('recent', 300, ''), ('left', 500, '')) p (name, d, off);
         INSERT INTO auth.memberships (tenant_id, id, user_id, role)
         SELECT '{ACME}', gen_random_uuid(), i.id, 'owner' FROM auth.identities i WHERE i.email IN ('member@example.com', 'left@example.com');
         -- Somebody who leaves now is kept for the retention from now on, however old the password is.
         DELETE FROM auth.memberships m USING auth.identities i WHERE i.id = m.user_id AND i.email = 'left@example.com';
         INSERT INTO tenancy.operator_actions (acted_at, actor, action)
         SELECT now() - make_interval(days => d), 'ada', 'age.' || d FROM unnest(ARRAY[1, 1000, 1200]) d;
         INSERT INTO tenancy.usage (tenant_id, id, day, service, transactions, round_trips, rows, milliseconds)
         SELECT '{ACME}', d::text, (now() AT TIME ZONE 'UTC')::date - d, 'probe', 1, 1, 1, 1
         FROM unnest(ARRAY[1, 100, 399, 401]) d;
         INSERT INTO onboarding.onboardings (tenant_id, id, email, owner_id, finished_at)
         VALUES ('{ACME}', gen_random_uuid(), 'member@example.com', gen_random_uuid(), now() - interval '31 days');
         INSERT INTO onboarding.idempotency_keys (key_digest, fingerprint, tenant_id, created_at)
         SELECT sha256(d::text::bytea), sha256('x'), gen_random_uuid(), now() - make_interval(days => d)
         FROM unnest(ARRAY[29, 31]) d;
         -- Tenants whose set-up failed, one of which an audit log speaks of, and one that has a member.
         INSERT INTO tenancy.tenants (id, slug, name, status, created_at)
         SELECT id::uuid, id, name, 'failed', now() - make_interval(days => d)
         FROM (VALUES (1, 'gone', 500), (2, 'fresh', 6), (3, 'recent', 20), (4, 'logged', 500), (5, 'joined', 500)) f (n, name, d),
             format('00000000-0000-7000-8000-00000000000%s', n + 1) id;
         INSERT INTO jobs.jobs (tenant_id, id, queue, class, kind, payload, status, max_attempts, finished_at)
         SELECT t.id, gen_random_uuid(), 'rowhouse_onboarding', 'interactive', 'onboarding.set_up', '{{}}', 'dead', 1, now()
         FROM tenancy.tenants t WHERE t.name = 'gone';
         INSERT INTO tenancy.usage (tenant_id, id, day, service, transactions, round_trips, rows, milliseconds)
         SELECT t.id, 'today', now()::date, 'onboarding', 1, 1, 1, 1 FROM tenancy.tenants t WHERE t.status = 'failed';
         INSERT INTO auth.audit_log (tenant_id, id, occurred_at, actor_type, action, outcome)
         SELECT t.id, gen_random_uuid(), now(), 'system', 'member.remove', 'success' FROM tenancy.tenants t WHERE t.name = 'logged';
         INSERT INTO auth.memberships (tenant_id, id, user_id, role)
         SELECT t.id, gen_random_uuid(), i.id, 'owner' FROM tenancy.tenants t, auth.identities i
         WHERE t.name = 'joined' AND i.email = 'member@example.com'"
    );
    database.admin().await.batch_execute(&rows).await.unwrap();
    database
}

/// Returns what is left, in one line.
async fn left(admin: &mut AsyncPgConnection) -> String {
    sql::<Text>(&format!(
        "SELECT concat_ws(
             '; ',
             (SELECT string_agg(action, ' ' ORDER BY action) FROM auth.audit_log WHERE tenant_id = '{ACME}'),
             (SELECT string_agg(split_part(email, '@', 1), ' ' ORDER BY email) FROM auth.identities),
             (SELECT string_agg(action, ' ' ORDER BY action) FROM tenancy.operator_actions),
             (SELECT string_agg(id, ' ' ORDER BY day DESC) FROM tenancy.usage WHERE service = 'probe'),
             (SELECT count(*) FROM onboarding.onboardings),
             (SELECT count(*) FROM onboarding.idempotency_keys),
             (SELECT string_agg(name, ' ' ORDER BY id) FROM tenancy.tenants),
             (SELECT count(*) FROM tenancy.usage WHERE service = 'onboarding')
         )"
    ))
    .get_result(admin)
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_older_than_its_retention_is_deleted() {
    let system = TestSystem::start_on(old_and_new().await, TestOptions::default()).await;
    let mut admin = system.database().admin().await;
    let expected = "age.1 age.20 age.399; disabled left member recent; age.1 age.1000; 1 100 399; 0; 1; Acme fresh recent logged joined; 4";
    let begun = Instant::now();
    loop {
        let left = left(&mut admin).await;
        if left == expected {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "{left}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    system.shutdown().await;
}

/// A service that was broken into deletes nothing recent.
#[tokio::test(flavor = "multi_thread")]
async fn the_database_keeps_a_least_number_of_days() {
    let database = old_and_new().await;
    let nil = "00000000-0000-0000-0000-000000000000";
    let mut auth = database.connect_as(ServiceName::Auth).await;
    auth.batch_execute(&format!(
        "SELECT auth.purge_expired('{nil}', 50, 1000, 0), auth.purge_identities('{nil}', 50, 0),
             tenancy.purge_operator_actions(0, 1000), tenancy.purge_usage('{nil}', 50, 0)"
    ))
    .await
    .unwrap();
    let mut onboarding = database.connect_as(ServiceName::Onboarding).await;
    onboarding
        .batch_execute(&format!(
            "SELECT onboarding.purge_onboardings('{nil}', 50, 0), onboarding.purge_keys(0, 1000)"
        ))
        .await
        .unwrap();
    let mut admin = database.admin().await;
    let expected = "age.1 age.20; disabled left member; age.1; 1; 0; 0; Acme fresh logged joined; 3";
    assert_eq!(left(&mut admin).await, expected);
    for (service, function) in [
        (ServiceName::Orders, format!("auth.purge_expired('{nil}', 50, 1000, 400)")),
        (ServiceName::Onboarding, "tenancy.purge_operator_actions(1000, 10)".to_owned()),
        (ServiceName::Orders, format!("tenancy.purge_usage('{nil}', 50, 400)")),
        (ServiceName::Auth, "onboarding.purge_keys(30, 10)".to_owned()),
    ] {
        let refused = database.connect_as(service).await.batch_execute(&format!("SELECT {function}")).await;
        assert!(refused.unwrap_err().to_string().contains("permission denied"), "{service}: {function}");
    }
}
