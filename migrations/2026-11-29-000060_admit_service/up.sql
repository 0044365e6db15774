-- Grants a service's role what every service needs besides its own schema: to enter a tenant, to audit, to know the schema's
-- version, and to write, claim and end its own jobs. Repeating it changes nothing.
--
-- A migration that gives all services more than this replaces the procedure and calls it for each of them: a test holds what a
-- new role gets here against what the services have.
CREATE PROCEDURE tenancy.admit_service(service regrole)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA tenancy, jobs TO %s', service);
    EXECUTE format(
        'GRANT EXECUTE ON FUNCTION tenancy.current_tenant(), tenancy.set_tenant_context(uuid, uuid, bigint), '
        'tenancy.schema_version() TO %s', service);
    EXECUTE format(
        'GRANT SELECT ON tenancy.tenants, tenancy.token_revocations, tenancy.global_tables, tenancy.definer_functions '
        'TO %s', service);
    EXECUTE format(
        'GRANT SELECT (tenant_id, id, queue, class, kind, unique_key, status, due_at, lease, attempts, max_attempts, '
        'every_seconds, again, cancellable, cancel_requested, progress_done, progress_total, last_error, created_at, '
        'started_at, finished_at), '
        'INSERT (tenant_id, id, class, kind, payload, unique_key, due_at, max_attempts, every_seconds, cancellable), '
        'UPDATE (class, status, due_at, lease, attempts, again, cancel_requested, progress_done, progress_total, '
        'last_error, finished_at) ON jobs.jobs TO %s', service);
    EXECUTE format(
        'GRANT EXECUTE ON FUNCTION jobs.next_due(), jobs.claim(text, uuid, integer, integer, integer, interval), '
        'jobs.claim(uuid, integer, interval), jobs.task(uuid, uuid, uuid), jobs.purge(interval, integer) TO %s', service);
    -- Jobs of no tenant: each function knows its caller by the login role, and takes no kind that is not declared for it.
    EXECUTE format(
        'GRANT EXECUTE ON FUNCTION jobs.enqueue_global(uuid, text, bytea, boolean), '
        'jobs.claim_global(uuid, integer, interval), jobs.hold_global(uuid, uuid, interval), '
        'jobs.end_global(uuid, uuid), jobs.release_global(uuid, uuid, interval, boolean) TO %s', service);
END
$$;

CALL tenancy.admit_service('rowhouse_auth');
CALL tenancy.admit_service('rowhouse_onboarding');
CALL tenancy.admit_service('rowhouse_orders');
