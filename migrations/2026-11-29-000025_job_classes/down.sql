DROP FUNCTION jobs.claim(text, uuid, integer, integer, integer, interval);
DROP FUNCTION jobs.claim(uuid, integer, interval);
DELETE FROM tenancy.definer_functions WHERE function_name = 'jobs.claim(text, uuid, integer, integer, integer, interval)';

-- A tenant's lanes become one, at which workers look at once.
DELETE FROM jobs.lanes l USING jobs.lanes o
WHERE o.queue = l.queue AND o.tenant_id = l.tenant_id AND o.class < l.class;
DROP INDEX jobs.lanes_served_at_idx, jobs.lanes_due_at_idx, jobs.lanes_full_idx;
ALTER TABLE jobs.lanes
    DROP CONSTRAINT lanes_pkey,
    ADD CONSTRAINT lanes_pkey PRIMARY KEY (queue, tenant_id),
    DROP COLUMN class,
    DROP COLUMN is_full;
UPDATE jobs.lanes SET ready = true;
CREATE INDEX lanes_served_at_idx ON jobs.lanes (queue, served_at) WHERE ready;
CREATE INDEX lanes_due_at_idx ON jobs.lanes (queue, due_at) WHERE NOT ready;
ALTER TABLE jobs.jobs DROP COLUMN class;

CREATE OR REPLACE FUNCTION jobs.keep_lane() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = ''
AS $$
DECLARE
    is_due boolean := NEW.due_at <= pg_catalog.clock_timestamp();
BEGIN
    INSERT INTO jobs.lanes AS l (queue, tenant_id, ready, due_at)
    VALUES (NEW.queue, NEW.tenant_id, is_due, NEW.due_at)
    ON CONFLICT (queue, tenant_id) DO UPDATE
        SET ready = l.ready OR excluded.ready, due_at = least(l.due_at, excluded.due_at)
        WHERE (excluded.ready AND NOT l.ready) OR excluded.due_at < l.due_at;
    IF FOUND THEN
        PERFORM pg_catalog.pg_notify('jobs_' || NEW.queue, '');
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION jobs.claim(claim uuid, most integer, lease_time interval) RETURNS TABLE (tenant_id uuid, job_id uuid)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = ''
AS $$
DECLARE
    -- The login role, whoever owns this function.
    own_queue text := session_user;
    -- Of this moment, not of the transaction's beginning: what has been committed since counts.
    moment timestamptz := pg_catalog.clock_timestamp();
    lanes uuid[];
    lane uuid;
    tenant_status text;
    share integer;
    found_job uuid;
    given integer := 0;
    given_before integer;
    next_due timestamptz;
BEGIN
    -- A claim that a crash of the server forgets is made again: nobody has to wait until it is on disk.
    PERFORM pg_catalog.set_config('synchronous_commit', 'off', true);
    UPDATE jobs.lanes l SET ready = true
    WHERE l.queue = own_queue AND NOT l.ready AND l.tenant_id IN (
        SELECT d.tenant_id FROM jobs.lanes d
        WHERE d.queue = own_queue AND NOT d.ready AND d.due_at <= moment
        ORDER BY d.due_at LIMIT 1000 FOR UPDATE SKIP LOCKED
    );
    SELECT pg_catalog.array_agg(r.tenant_id ORDER BY r.served_at) INTO lanes FROM (
        SELECT l.tenant_id, l.served_at FROM jobs.lanes l
        WHERE l.queue = own_queue AND l.ready ORDER BY l.served_at LIMIT most FOR UPDATE SKIP LOCKED
    ) AS r;
    share := greatest(1, most / cardinality(lanes));
    FOREACH lane IN ARRAY coalesce(lanes, '{}') LOOP
        EXECUTE pg_catalog.format('SET LOCAL app.tenant_id = %L', lane);
        SELECT t.status INTO tenant_status FROM tenancy.tenants t WHERE t.id = lane;
        IF tenant_status IS NULL THEN
            DELETE FROM jobs.lanes l WHERE l.queue = own_queue AND l.tenant_id = lane;
            CONTINUE;
        ELSIF tenant_status NOT IN ('provisioning', 'active') THEN
            UPDATE jobs.lanes l SET ready = false, due_at = 'infinity' WHERE l.queue = own_queue AND l.tenant_id = lane;
            CONTINUE;
        END IF;
        given_before := given;
        FOR found_job IN
            SELECT j.id FROM jobs.jobs j
            WHERE j.tenant_id = lane AND j.queue = own_queue AND j.status IN ('queued', 'running') AND j.due_at <= moment
            ORDER BY j.due_at, j.id LIMIT share FOR UPDATE SKIP LOCKED
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
        SELECT pg_catalog.min(j.due_at) INTO next_due FROM jobs.jobs j
        WHERE j.tenant_id = lane AND j.queue = own_queue AND j.status IN ('queued', 'running');
        UPDATE jobs.lanes l
        -- Who got nothing keeps its turn.
        SET served_at = CASE WHEN given > given_before THEN moment ELSE l.served_at END,
            ready = coalesce(next_due <= moment, false),
            due_at = coalesce(next_due, 'infinity')
        WHERE l.queue = own_queue AND l.tenant_id = lane;
    END LOOP;
    EXECUTE 'SET LOCAL app.tenant_id = ''''';
    IF given = 0 AND EXISTS (SELECT FROM jobs.lanes l WHERE l.queue = own_queue AND l.ready) THEN
        tenant_id := NULL;
        job_id := NULL;
        RETURN NEXT;
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION jobs.next_due() RETURNS timestamptz
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = ''
BEGIN ATOMIC
    SELECT least(
        (SELECT pg_catalog.now() FROM jobs.lanes l WHERE l.queue = session_user AND l.ready LIMIT 1),
        (SELECT pg_catalog.min(l.due_at) FROM jobs.lanes l
         WHERE l.queue = session_user AND NOT l.ready AND l.due_at < 'infinity')
    );
END;

CREATE OR REPLACE FUNCTION jobs.purge(keep interval, most integer) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = ''
AS $$
DECLARE
    own_queue text := session_user;
    lane uuid;
    seen integer := 0;
BEGIN
    FOR lane IN
        SELECT l.tenant_id FROM jobs.lanes l
        WHERE l.queue = own_queue AND l.purged_at < pg_catalog.now() - interval '1 hour'
        ORDER BY l.purged_at LIMIT most FOR UPDATE SKIP LOCKED
    LOOP
        EXECUTE pg_catalog.format('SET LOCAL app.tenant_id = %L', lane);
        DELETE FROM jobs.jobs j
        WHERE j.tenant_id = lane AND j.queue = own_queue AND j.finished_at < pg_catalog.now() - keep;
        UPDATE jobs.lanes l SET purged_at = pg_catalog.now() WHERE l.queue = own_queue AND l.tenant_id = lane;
        seen := seen + 1;
    END LOOP;
    EXECUTE 'SET LOCAL app.tenant_id = ''''';
    RETURN seen;
END
$$;

INSERT INTO tenancy.definer_functions VALUES
    ('jobs.claim(uuid, integer, interval)', 'a worker finds the next job before it knows whose it is');
GRANT CREATE ON SCHEMA jobs TO rowhouse_definer;
ALTER FUNCTION jobs.claim(uuid, integer, interval) OWNER TO rowhouse_definer;
REVOKE CREATE ON SCHEMA jobs FROM rowhouse_definer;
GRANT EXECUTE ON FUNCTION jobs.claim(uuid, integer, interval) TO rowhouse_auth, rowhouse_onboarding, rowhouse_orders;
