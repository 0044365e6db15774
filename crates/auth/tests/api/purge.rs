//! Deletion of expired data in the background.

use diesel_async::SimpleAsyncConnection;
use rowhouse_proto::auth::v1::Role;

use crate::support::{Running, Service, config};
use crate::team::member;

/// More rows than one transaction deletes.
const MANY: &str = "
    INSERT INTO auth.attempts (key, failures, last_at, blocked_until)
    SELECT sha256(n::text::bytea), 1, now() - interval '2 days', '-infinity' FROM generate_series(1, 2500) n;
    INSERT INTO auth.attempts (key, failures, last_at, blocked_until)
    VALUES (sha256('recent'), 1, now(), '-infinity');
    INSERT INTO auth.allowances (key, full_at)
    SELECT sha256(n::text::bytea), now() - interval '1 second' FROM generate_series(1, 2500) n;
    INSERT INTO auth.allowances (key, full_at) VALUES (sha256('waits'), now() + interval '5 days');
    INSERT INTO auth.familiar_addresses (key, last_at)
    SELECT sha256(n::text::bytea), now() - interval '91 days' FROM generate_series(1, 2500) n;
    INSERT INTO auth.familiar_addresses (key, last_at) VALUES (sha256('recent'), now());
    INSERT INTO auth.one_time_tokens (digest, user_id, purpose, expires_at)
    SELECT sha256(n::text::bytea), (SELECT id FROM auth.identities LIMIT 1), 'set_password', now() - interval '1 hour'
    FROM generate_series(1, 2500) n;
    UPDATE auth.sessions SET expires_at = now() - interval '31 days';
    INSERT INTO auth.sessions (tenant_id, id, user_id, token_digest, idle_expires_at, expires_at)
    SELECT s.tenant_id, gen_random_uuid(), s.user_id, s.token_digest, now() - interval '31 days', now() - interval '31 days'
    FROM auth.sessions s, generate_series(1, 1200) n;
    INSERT INTO auth.invitations (tenant_id, id, email, role, token_digest, expires_at)
    SELECT t.id, gen_random_uuid(), n || '@example.com', 'viewer', sha256(n::text::bytea),
        now() - CASE WHEN n = 1 THEN interval '29 days' ELSE interval '31 days' END
    FROM tenancy.tenants t, generate_series(1, 1200) n;
    INSERT INTO auth.idempotency_keys (tenant_id, id, fingerprint, response, created_at)
    SELECT t.id, n::text, sha256(n::text::bytea), '', now() - CASE WHEN n = 1 THEN interval '23 h' ELSE interval '25 h' END
    FROM tenancy.tenants t, generate_series(1, 1200) n;
    INSERT INTO tenancy.token_revocations (tenant_id, id, issued_until, created_at)
    SELECT s.tenant_id, s.id, 'infinity', now() - interval '2 hours' FROM auth.sessions s";
const LEFT: &str = "
    SELECT concat_ws(' ', (SELECT count(*) FROM auth.attempts), (SELECT count(*) FROM auth.allowances),
        (SELECT count(*) FROM auth.familiar_addresses),
        (SELECT count(*) FROM auth.one_time_tokens WHERE expires_at < now()),
        (SELECT count(*) FROM auth.sessions), (SELECT count(*) FROM tenancy.token_revocations),
        (SELECT count(*) FROM auth.invitations), (SELECT count(*) FROM auth.idempotency_keys))";

/// Records how many rows each statement deletes, and in which transaction.
const WATCH: &str = "
    CREATE TABLE public.removed (pass xid8, of text, rows bigint);
    CREATE FUNCTION public.watch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        INSERT INTO public.removed SELECT pg_current_xact_id(), TG_TABLE_NAME, count(*) FROM gone;
        RETURN NULL;
    END $$;
    DO $$
    DECLARE
        watched text;
    BEGIN
        FOREACH watched IN ARRAY ARRAY['auth.attempts', 'auth.allowances', 'auth.familiar_addresses', 'auth.one_time_tokens',
            'auth.sessions', 'auth.invitations', 'auth.idempotency_keys', 'tenancy.token_revocations'] LOOP
            EXECUTE format('CREATE TRIGGER watch AFTER DELETE ON %s REFERENCING OLD TABLE AS gone
                FOR EACH STATEMENT EXECUTE FUNCTION public.watch()', watched);
        END LOOP;
    END $$";
/// Returns for each table how many rows were deleted, and the most in one transaction.
const REMOVED: &str = "
    SELECT string_agg(concat_ws(' ', p.of, p.gone, p.most), ', ' ORDER BY p.of COLLATE \"C\") FROM (
        SELECT t.of, sum(t.rows) AS gone, max(t.rows) AS most
        FROM (SELECT r.of, sum(r.rows) AS rows FROM public.removed r GROUP BY r.of, r.pass) t GROUP BY t.of
    ) p";

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_over_goes_in_pieces_and_nothing_else() {
    let service = Service::start().await;
    let (acme, globex) = (service.tenant("acme").await, service.tenant("globex").await);
    member(&service, acme, "ada@example.com", Role::Owner).await;
    member(&service, globex, "gus@example.com", Role::Owner).await;
    service
        .sql("DELETE FROM auth.attempts; DELETE FROM auth.allowances; DELETE FROM auth.familiar_addresses")
        .await;
    service.sql(MANY).await;
    // It runs when the service starts, and every hour.
    let Service { database, keys, running } = service;
    running.stop().await;
    database.admin().await.batch_execute(WATCH).await.unwrap();
    let running = Running::start(config(&database, &keys)).await;
    let service = Service { database, keys, running };
    service.until(LEFT, "1 1 1 0 0 0 2 2").await;
    let removed = service.value(REMOVED).await;
    let tables: Vec<Vec<&str>> = removed.split(", ").map(|table| table.split(' ').collect()).collect();
    assert_eq!(tables.len(), 8, "{removed}");
    for table in tables {
        let (gone, most): (u32, u32) = (table[1].parse().unwrap(), table[2].parse().unwrap());
        assert!(gone > 2_000 && most <= 1_000, "{table:?} in too large a piece: {removed}");
    }
    service.running.stop().await;
}
