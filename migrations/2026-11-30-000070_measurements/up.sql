-- The trace of the request that a job or an event follows from, in the form of the header `traceparent`. Jobs and events of before
-- have none.
ALTER TABLE jobs.jobs ADD COLUMN trace_parent text;
ALTER TABLE orders.order_events ADD COLUMN trace_parent text;
GRANT INSERT (trace_parent) ON orders.order_events TO rowhouse_orders;

-- What each tenant used of each service on each day, for bills and for finding out whose load it is. Metrics have no tenant.
CREATE TABLE tenancy.usage (
    tenant_id uuid NOT NULL,
    -- The day and the service.
    id text NOT NULL CHECK (char_length(id) BETWEEN 1 AND 100),
    day date NOT NULL,
    service text NOT NULL CHECK (char_length(service) BETWEEN 1 AND 63),
    transactions bigint NOT NULL CHECK (transactions >= 0),
    round_trips bigint NOT NULL CHECK (round_trips >= 0),
    rows bigint NOT NULL CHECK (rows >= 0),
    -- For which the tenant's transactions held a connection.
    milliseconds bigint NOT NULL CHECK (milliseconds >= 0),
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX usage_day_idx ON tenancy.usage (tenant_id, day);
CALL tenancy.protect('tenancy.usage');
GRANT SELECT, INSERT, UPDATE, DELETE ON tenancy.usage TO rowhouse_definer;

-- Adds to today's usage of each of these tenants, and removes what is older than `keep`, 90 days at least. The service is the caller's.
--
-- No role bypasses row-level security, so it enters one tenant after the other.
CREATE FUNCTION tenancy.record_usage(
    tenants uuid[], used_transactions bigint[], used_round_trips bigint[], used_rows bigint[], used_milliseconds bigint[],
    keep interval
) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = ''
AS $$
DECLARE
    of_service text := pg_catalog.replace(session_user::text, 'rowhouse_', '');
    today date := (pg_catalog.now() AT TIME ZONE 'UTC')::date;
    row_id text := pg_catalog.format('%s %s', today, of_service);
    of_tenant uuid;
BEGIN
    -- Counts that a crash of the server forgets are no loss: nobody has to wait until they are on disk.
    PERFORM pg_catalog.set_config('synchronous_commit', 'off', true);
    FOR place IN 1..pg_catalog.cardinality(tenants) LOOP
        of_tenant := tenants[place];
        EXECUTE pg_catalog.format('SET LOCAL app.tenant_id = %L', of_tenant);
        INSERT INTO tenancy.usage AS u (tenant_id, id, day, service, transactions, round_trips, rows, milliseconds)
        SELECT t.id, row_id, today, of_service, greatest(used_transactions[place], 0), greatest(used_round_trips[place], 0),
            greatest(used_rows[place], 0), greatest(used_milliseconds[place], 0)
        FROM tenancy.tenants t WHERE t.id = of_tenant
        ON CONFLICT (tenant_id, id) DO UPDATE SET
            transactions = u.transactions + excluded.transactions,
            round_trips = u.round_trips + excluded.round_trips,
            rows = u.rows + excluded.rows,
            milliseconds = u.milliseconds + excluded.milliseconds;
        DELETE FROM tenancy.usage u
        WHERE u.tenant_id = of_tenant AND u.service = of_service AND u.day < today - greatest(keep, interval '90 days');
    END LOOP;
    EXECUTE 'SET LOCAL app.tenant_id = ''''';
END
$$;

-- How many of the caller's own jobs are due in each tenant, by class and kind, and for how long the oldest one is: in those of up to
-- `most` tenants that have waited longest. No row tells which tenant it is about.
CREATE FUNCTION jobs.statistics(most integer)
RETURNS TABLE (class text, kind text, due bigint, oldest_seconds double precision)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = ''
AS $$
DECLARE
    own_queue text := session_user;
    moment timestamptz := pg_catalog.clock_timestamp();
    lane uuid;
BEGIN
    FOR lane IN
        SELECT l.tenant_id FROM jobs.lanes l
        WHERE l.queue = own_queue AND (l.ready OR l.due_at <= moment)
        GROUP BY l.tenant_id ORDER BY bool_or(l.is_full) DESC, min(l.due_at) LIMIT most
    LOOP
        EXECUTE pg_catalog.format('SET LOCAL app.tenant_id = %L', lane);
        RETURN QUERY
            SELECT j.class, j.kind, pg_catalog.count(*), extract(epoch FROM moment - pg_catalog.min(j.due_at))::double precision
            FROM jobs.jobs j
            WHERE j.tenant_id = lane AND j.queue = own_queue AND j.status = 'queued' AND j.due_at <= moment
            GROUP BY j.class, j.kind;
    END LOOP;
    EXECUTE 'SET LOCAL app.tenant_id = ''''';
    RETURN QUERY
        SELECT 'global'::text, g.kind, pg_catalog.count(*), extract(epoch FROM moment - pg_catalog.min(g.due_at))::double precision
        FROM jobs.global_jobs g WHERE g.queue = own_queue AND g.due_at <= moment
        GROUP BY g.kind;
END
$$;

INSERT INTO tenancy.definer_functions VALUES
    (
        'tenancy.record_usage(uuid[], bigint[], bigint[], bigint[], bigint[], interval)',
        'a service adds up what its tenants used, and can read nothing of it'
    ),
    ('jobs.statistics(integer)', 'a service measures its queue: it gets numbers without tenants');
GRANT CREATE ON SCHEMA jobs, tenancy TO rowhouse_definer;
ALTER FUNCTION tenancy.record_usage(uuid[], bigint[], bigint[], bigint[], bigint[], interval) OWNER TO rowhouse_definer;
ALTER FUNCTION jobs.statistics(integer) OWNER TO rowhouse_definer;
REVOKE CREATE ON SCHEMA jobs, tenancy FROM rowhouse_definer;

-- Grants a service's role what every service needs besides its own schema: to enter a tenant, to audit, to know the schema's
-- version, to write, claim and end its own jobs, and to measure. Repeating it changes nothing.
CREATE OR REPLACE PROCEDURE tenancy.admit_service(service regrole)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA tenancy, jobs TO %s', service);
    EXECUTE format(
        'GRANT EXECUTE ON FUNCTION tenancy.current_tenant(), tenancy.set_tenant_context(uuid, uuid, bigint), '
        'tenancy.schema_version(), tenancy.record_usage(uuid[], bigint[], bigint[], bigint[], bigint[], interval) TO %s', service);
    EXECUTE format(
        'GRANT SELECT ON tenancy.tenants, tenancy.token_revocations, tenancy.global_tables, tenancy.definer_functions '
        'TO %s', service);
    EXECUTE format(
        'GRANT SELECT (tenant_id, id, queue, class, kind, unique_key, status, due_at, lease, attempts, max_attempts, '
        'every_seconds, again, cancellable, cancel_requested, progress_done, progress_total, last_error, created_at, '
        'started_at, finished_at, trace_parent), '
        'INSERT (tenant_id, id, class, kind, payload, unique_key, due_at, max_attempts, every_seconds, cancellable, '
        'trace_parent), '
        'UPDATE (class, status, due_at, lease, attempts, again, cancel_requested, progress_done, progress_total, '
        'last_error, finished_at) ON jobs.jobs TO %s', service);
    EXECUTE format(
        'GRANT EXECUTE ON FUNCTION jobs.next_due(), jobs.claim(text, uuid, integer, integer, integer, interval), '
        'jobs.claim(uuid, integer, interval), jobs.task(uuid, uuid, uuid), jobs.purge(interval, integer), '
        'jobs.statistics(integer) TO %s', service);
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
