-- Lanes are found by an index, however many there are: a tenant has one in each class of each queue.

-- As before. The indexes are of a class, and of lanes that are ready or that are not.
CREATE OR REPLACE FUNCTION jobs.statistics(most integer)
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
        WHERE l.queue = own_queue AND l.class IN ('interactive', 'delivery', 'maintenance')
            AND (l.ready OR NOT l.ready AND l.due_at <= moment)
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

-- A lane that is ready has something to do now, whatever its time says.
CREATE OR REPLACE FUNCTION auth.oldest_email(most integer) RETURNS double precision
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = ''
AS $$
DECLARE
    oldest timestamptz;
    own timestamptz;
    lane uuid;
BEGIN
    SELECT pg_catalog.min(g.created_at) INTO oldest FROM jobs.global_jobs g WHERE g.queue = 'rowhouse_auth';
    FOR lane IN
        SELECT l.tenant_id FROM jobs.lanes l
        WHERE l.queue = 'rowhouse_auth' AND l.class = 'delivery' AND (l.ready OR NOT l.ready AND l.due_at < 'infinity')
        ORDER BY l.due_at LIMIT most
    LOOP
        EXECUTE pg_catalog.format('SET LOCAL app.tenant_id = %L', lane);
        FOR own IN
            (SELECT j.created_at FROM jobs.jobs j
            WHERE j.tenant_id = lane AND j.status = 'queued' AND j.queue = 'rowhouse_auth' AND j.class = 'delivery'
            ORDER BY j.id LIMIT 1)
            UNION ALL
            (SELECT j.created_at FROM jobs.jobs j
            WHERE j.tenant_id = lane AND j.status = 'running' AND j.queue = 'rowhouse_auth' AND j.class = 'delivery'
            ORDER BY j.id LIMIT 1)
        LOOP
            oldest := least(oldest, own);
        END LOOP;
    END LOOP;
    EXECUTE 'SET LOCAL app.tenant_id = ''''';
    RETURN coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - oldest)::double precision, 0);
END
$$;

CREATE OR REPLACE FUNCTION orders.oldest_delivery(most integer) RETURNS double precision
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = ''
AS $$
DECLARE
    oldest timestamptz;
    own timestamptz;
    lane uuid;
BEGIN
    FOR lane IN
        SELECT l.tenant_id FROM jobs.lanes l
        WHERE l.queue = 'rowhouse_orders' AND l.class = 'delivery' AND (l.ready OR NOT l.ready AND l.due_at < 'infinity')
        ORDER BY l.due_at LIMIT most
    LOOP
        EXECUTE pg_catalog.format('SET LOCAL app.tenant_id = %L', lane);
        SELECT d.created_at INTO own FROM orders.webhook_deliveries d
        WHERE d.tenant_id = lane AND d.state = 'pending' ORDER BY d.id LIMIT 1;
        oldest := least(oldest, own);
    END LOOP;
    EXECUTE 'SET LOCAL app.tenant_id = ''''';
    RETURN coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - oldest)::double precision, 0);
END
$$;
