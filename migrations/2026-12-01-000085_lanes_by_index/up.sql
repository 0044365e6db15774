-- What looks for lanes finds them by an index, however many there are: a tenant has one in each class of each queue.

-- As before. With IN, PostgreSQL expected so many rows that it read all lanes whenever one was due.
CREATE OR REPLACE FUNCTION jobs.claim(
    of_class text, claim uuid, most integer, tenant_most integer, spread integer, lease_time interval
)
RETURNS TABLE (tenant_id uuid, job_id uuid, wait double precision)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = ''
AS $$
DECLARE
    -- The login role, whoever owns this function.
    own_queue text := session_user;
    -- Of this moment, not of the transaction's beginning: what has been committed since counts.
    moment timestamptz := pg_catalog.clock_timestamp();
    full_lanes integer;
    lanes uuid[];
    lanes_full boolean[];
    lanes_running integer[];
    lane uuid;
    was_full boolean;
    was_running integer;
    tenant_status text;
    share integer;
    running integer;
    tenant_limit integer;
    room integer;
    wanted text;
    found_job uuid;
    given integer := 0;
    given_before integer;
    next_queued timestamptz;
    next_running timestamptz;
    now_full boolean;
    now_running integer;
    is_news boolean := false;
BEGIN
    -- A claim that a crash of the server forgets is made again: nobody has to wait until it is on disk.
    PERFORM pg_catalog.set_config('synchronous_commit', 'off', true);
    UPDATE jobs.lanes l SET ready = true
    WHERE l.queue = own_queue AND l.class = of_class AND NOT l.ready AND l.tenant_id = ANY (ARRAY(
        SELECT d.tenant_id FROM jobs.lanes d
        WHERE d.queue = own_queue AND d.class = of_class AND NOT d.ready AND d.due_at <= moment
        ORDER BY d.due_at LIMIT 1000 FOR UPDATE SKIP LOCKED
    ));
    SELECT pg_catalog.count(*) INTO full_lanes FROM jobs.lanes l
    WHERE l.queue = own_queue AND l.class = of_class AND l.is_full;
    SELECT pg_catalog.array_agg(r.tenant_id ORDER BY r.served_at), pg_catalog.array_agg(r.is_full ORDER BY r.served_at),
        pg_catalog.array_agg(r.running ORDER BY r.served_at)
    INTO lanes, lanes_full, lanes_running FROM (
        SELECT l.tenant_id, l.served_at, l.is_full, l.running FROM jobs.lanes l
        WHERE l.queue = own_queue AND l.class = of_class AND l.ready
        ORDER BY l.served_at LIMIT most + full_lanes FOR UPDATE SKIP LOCKED
    ) AS r;
    share := greatest(1, most / greatest(1, cardinality(lanes) - full_lanes));
    lanes := coalesce(lanes, '{}');
    FOR place IN 1..cardinality(lanes) LOOP
        lane := lanes[place];
        was_full := lanes_full[place];
        was_running := lanes_running[place];
        -- With nothing left to give, only full lanes are looked at: others may have to be notified of them.
        CONTINUE WHEN given >= most AND NOT was_full;
        EXECUTE pg_catalog.format('SET LOCAL app.tenant_id = %L', lane);
        SELECT t.status INTO tenant_status FROM tenancy.tenants t WHERE t.id = lane;
        IF tenant_status IS NULL THEN
            DELETE FROM jobs.lanes l WHERE l.queue = own_queue AND l.class = of_class AND l.tenant_id = lane;
            CONTINUE;
        ELSIF tenant_status NOT IN ('provisioning', 'active') THEN
            UPDATE jobs.lanes l SET ready = false, is_full = false, running = 0, due_at = 'infinity'
            WHERE l.queue = own_queue AND l.class = of_class AND l.tenant_id = lane;
            CONTINUE;
        END IF;
        SELECT pg_catalog.count(*) INTO running FROM jobs.jobs j
        WHERE j.tenant_id = lane AND j.queue = own_queue AND j.class = of_class
            AND j.status = 'running' AND j.due_at > moment;
        given_before := given;
        tenant_limit := CASE WHEN spread IS NULL THEN tenant_most
            ELSE least(tenant_most, greatest(1, (most - given) / spread)) END;
        -- Those whose workers are gone were begun before anything that is still queued.
        FOREACH wanted IN ARRAY ARRAY['running', 'queued'] LOOP
            room := least(share, most - given_before, tenant_limit - running) - (given - given_before);
            CONTINUE WHEN room <= 0;
            FOR found_job IN
                SELECT j.id FROM jobs.jobs j
                WHERE j.tenant_id = lane AND j.queue = own_queue AND j.class = of_class
                    AND j.status = wanted AND j.status IN ('queued', 'running') AND j.due_at <= moment
                ORDER BY j.due_at, j.id LIMIT room FOR UPDATE SKIP LOCKED
            LOOP
                UPDATE jobs.jobs j
                SET status = 'running', lease = claim, due_at = moment + lease_time, attempts = j.attempts + 1,
                    started_at = moment
                WHERE j.tenant_id = lane AND j.id = found_job;
                given := given + 1;
                tenant_id := lane;
                job_id := found_job;
                RETURN NEXT;
            END LOOP;
        END LOOP;
        SELECT pg_catalog.min(j.due_at) INTO next_queued FROM jobs.jobs j
        WHERE j.tenant_id = lane AND j.queue = own_queue AND j.class = of_class
            AND j.status = 'queued';
        SELECT pg_catalog.min(j.due_at) INTO next_running FROM jobs.jobs j
        WHERE j.tenant_id = lane AND j.queue = own_queue AND j.class = of_class
            AND j.status = 'running';
        now_running := running + given - given_before;
        now_full := now_running >= tenant_limit AND coalesce(next_queued <= moment, false) AND next_running > moment;
        is_news := is_news OR next_queued IS NOT NULL AND now_running < tenant_most AND CASE
            WHEN now_full THEN NOT was_full OR now_running < was_running
            ELSE was_full AND (given >= most OR next_queued > moment)
        END;
        UPDATE jobs.lanes l
        -- Who got nothing keeps its turn.
        SET served_at = CASE WHEN given > given_before THEN moment ELSE l.served_at END,
            ready = now_full OR coalesce(least(next_queued, next_running) <= moment, false),
            is_full = now_full,
            running = now_running,
            due_at = coalesce(CASE WHEN now_full THEN next_running ELSE least(next_queued, next_running) END, 'infinity')
        WHERE l.queue = own_queue AND l.class = of_class AND l.tenant_id = lane
            AND NOT (now_full AND l.is_full AND given = given_before AND l.running = now_running AND l.due_at > moment);
    END LOOP;
    EXECUTE 'SET LOCAL app.tenant_id = ''''';
    IF is_news THEN
        PERFORM pg_catalog.pg_notify('jobs_' || own_queue, '');
    END IF;
    tenant_id := NULL;
    job_id := NULL;
    IF EXISTS (
        SELECT FROM jobs.lanes l
        WHERE l.queue = own_queue AND l.class = of_class AND l.ready AND NOT (l.is_full AND l.tenant_id = ANY (lanes))
    ) THEN
        -- When nothing was found all the same, somebody else is just looking at it.
        wait := CASE WHEN given > 0 THEN 0 ELSE 0.01 END;
    ELSE
        SELECT extract(epoch FROM least(
            (SELECT pg_catalog.min(l.due_at) FROM jobs.lanes l
             WHERE l.queue = own_queue AND l.class = of_class AND l.is_full),
            (SELECT pg_catalog.min(l.due_at) FROM jobs.lanes l
             WHERE l.queue = own_queue AND l.class = of_class AND NOT l.ready AND l.due_at < 'infinity')
        ) - pg_catalog.clock_timestamp()) INTO wait;
        IF wait < 0.01 THEN
            wait := 0.01;
        END IF;
    END IF;
    RETURN NEXT;
END
$$;

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
