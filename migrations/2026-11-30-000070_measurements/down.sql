DROP FUNCTION jobs.statistics(integer);
DROP FUNCTION tenancy.record_usage(uuid[], bigint[], bigint[], bigint[], bigint[], interval);
DELETE FROM tenancy.definer_functions WHERE function_name IN (
    'tenancy.record_usage(uuid[], bigint[], bigint[], bigint[], bigint[], interval)', 'jobs.statistics(integer)'
);
DROP TABLE tenancy.usage;
ALTER TABLE orders.order_events DROP COLUMN trace_parent;
ALTER TABLE jobs.jobs DROP COLUMN trace_parent;
CREATE OR REPLACE PROCEDURE tenancy.admit_service(service regrole)
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
