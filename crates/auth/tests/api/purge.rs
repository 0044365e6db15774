//! What is of no use any more is removed in the background.

use rowhouse_proto::auth::v1::Role;

use crate::support::{Running, Service, config};
use crate::team::member;

/// More than go in one transaction.
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
    // It is done when the service starts, and every hour.
    let Service { database, keys, running } = service;
    running.stop().await;
    let running = Running::start(config(&database, &keys)).await;
    let service = Service { database, keys, running };
    service.until(LEFT, "1 1 1 0 0 0 2 2").await;
    service.running.stop().await;
}
