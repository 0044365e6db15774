-- What a job waits for: each class has workers and turns of its own. The kind of job decides it; a job of a program that does not
-- know classes yet is moved to its own when a worker first sees it.
ALTER TABLE jobs.jobs ADD COLUMN class text NOT NULL DEFAULT 'interactive';
ALTER TABLE jobs.jobs
    ADD CONSTRAINT jobs_class_check CHECK (class IN ('interactive', 'delivery', 'maintenance')) NOT VALID;
GRANT INSERT (class), UPDATE (class) ON jobs.jobs TO rowhouse_auth, rowhouse_onboarding, rowhouse_orders;

-- One row a queue, class and tenant. Few rows, each short: its keys are built in a moment.
-- safety-assured:start
ALTER TABLE jobs.lanes
    ADD COLUMN class text NOT NULL DEFAULT 'interactive',
    -- As many of the tenant's jobs are running as may. The lane stays ready, and is looked at again with each claim; there are never
    -- more such lanes than workers.
    ADD COLUMN is_full boolean NOT NULL DEFAULT false,
    DROP CONSTRAINT lanes_pkey,
    ADD CONSTRAINT lanes_pkey PRIMARY KEY (queue, class, tenant_id);
DROP INDEX jobs.lanes_served_at_idx, jobs.lanes_due_at_idx;
CREATE INDEX lanes_served_at_idx ON jobs.lanes (queue, class, served_at) WHERE ready;
CREATE INDEX lanes_due_at_idx ON jobs.lanes (queue, class, due_at) WHERE NOT ready;
CREATE INDEX lanes_full_idx ON jobs.lanes (queue, class, due_at) WHERE is_full;
-- safety-assured:end

-- As before, for the lane of the job's class. A full lane needs no announcement: who ends a job looks again.
CREATE OR REPLACE FUNCTION jobs.keep_lane() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = ''
AS $$
DECLARE
    is_due boolean := NEW.due_at <= pg_catalog.clock_timestamp();
BEGIN
    INSERT INTO jobs.lanes AS l (queue, class, tenant_id, ready, due_at)
    VALUES (NEW.queue, NEW.class, NEW.tenant_id, is_due, NEW.due_at)
    ON CONFLICT (queue, class, tenant_id) DO UPDATE
        SET ready = l.ready OR excluded.ready, due_at = least(l.due_at, excluded.due_at)
        WHERE NOT l.is_full AND ((excluded.ready AND NOT l.ready) OR excluded.due_at < l.due_at);
    IF FOUND THEN
        PERFORM pg_catalog.pg_notify('jobs_' || NEW.queue, '');
    END IF;
    RETURN NULL;
END
$$;

-- Gives the caller, a service's worker, up to `most` jobs of one class of its own queue that are due: to each tenant that has some
-- one after the other, who has waited longest first. They are the claim's until `lease_time` is over, unless it is prolonged. A
-- tenant of which `tenant_most` jobs of the class are running, wherever, gets no more. With a `spread` it gets no more than that part
-- of what is left of `most`, either, and one at least: so some is left for who comes next, however many take all they can get.
--
-- It yields ids and nothing else: what is to be done is read inside the tenant. The last row has none, and says after how many
-- seconds there may be more to claim; never, when it is null.
--
-- No role bypasses row-level security, so it enters one tenant after the other.
CREATE FUNCTION jobs.claim(
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
    lane uuid;
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
BEGIN
    -- A claim that a crash of the server forgets is made again: nobody has to wait until it is on disk.
    PERFORM pg_catalog.set_config('synchronous_commit', 'off', true);
    UPDATE jobs.lanes l SET ready = true
    WHERE l.queue = own_queue AND l.class = of_class AND NOT l.ready AND l.tenant_id IN (
        SELECT d.tenant_id FROM jobs.lanes d
        WHERE d.queue = own_queue AND d.class = of_class AND NOT d.ready AND d.due_at <= moment
        ORDER BY d.due_at LIMIT 1000 FOR UPDATE SKIP LOCKED
    );
    SELECT pg_catalog.count(*) INTO full_lanes FROM jobs.lanes l
    WHERE l.queue = own_queue AND l.class = of_class AND l.is_full;
    SELECT pg_catalog.array_agg(r.tenant_id ORDER BY r.served_at) INTO lanes FROM (
        SELECT l.tenant_id, l.served_at FROM jobs.lanes l
        WHERE l.queue = own_queue AND l.class = of_class AND l.ready
        ORDER BY l.served_at LIMIT most + full_lanes FOR UPDATE SKIP LOCKED
    ) AS r;
    share := greatest(1, most / greatest(1, cardinality(lanes) - full_lanes));
    FOREACH lane IN ARRAY coalesce(lanes, '{}') LOOP
        EXIT WHEN given >= most;
        EXECUTE pg_catalog.format('SET LOCAL app.tenant_id = %L', lane);
        SELECT t.status INTO tenant_status FROM tenancy.tenants t WHERE t.id = lane;
        IF tenant_status IS NULL THEN
            DELETE FROM jobs.lanes l WHERE l.queue = own_queue AND l.class = of_class AND l.tenant_id = lane;
            CONTINUE;
        ELSIF tenant_status NOT IN ('provisioning', 'active') THEN
            UPDATE jobs.lanes l SET ready = false, is_full = false, due_at = 'infinity'
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
        now_full := running + given - given_before >= tenant_limit AND coalesce(next_queued <= moment, false)
            AND next_running > moment;
        UPDATE jobs.lanes l
        -- Who got nothing keeps its turn.
        SET served_at = CASE WHEN given > given_before THEN moment ELSE l.served_at END,
            ready = now_full OR coalesce(least(next_queued, next_running) <= moment, false),
            is_full = now_full,
            due_at = coalesce(CASE WHEN now_full THEN next_running ELSE least(next_queued, next_running) END, 'infinity')
        WHERE l.queue = own_queue AND l.class = of_class AND l.tenant_id = lane
            AND NOT (now_full AND l.is_full AND given = given_before AND l.due_at > moment);
    END LOOP;
    EXECUTE 'SET LOCAL app.tenant_id = ''''';
    tenant_id := NULL;
    job_id := NULL;
    IF EXISTS (
        SELECT FROM jobs.lanes l
        WHERE l.queue = own_queue AND l.class = of_class AND l.ready AND NOT l.is_full
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

-- For programs that know no classes: all of them, while a release is rolled out. They go with the next one.
DROP FUNCTION jobs.claim(uuid, integer, interval);
CREATE FUNCTION jobs.claim(claim uuid, most integer, lease_time interval) RETURNS TABLE (tenant_id uuid, job_id uuid)
LANGUAGE plpgsql VOLATILE
SET search_path = ''
AS $$
DECLARE
    of_class text;
BEGIN
    FOREACH of_class IN ARRAY ARRAY['interactive', 'delivery', 'maintenance'] LOOP
        FOR tenant_id, job_id IN
            SELECT c.tenant_id, c.job_id FROM jobs.claim(of_class, claim, most, most, NULL, lease_time) c
            WHERE c.job_id IS NOT NULL
        LOOP
            most := most - 1;
            RETURN NEXT;
        END LOOP;
        EXIT WHEN most <= 0;
    END LOOP;
END
$$;
CREATE OR REPLACE FUNCTION jobs.next_due() RETURNS timestamptz
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = ''
BEGIN ATOMIC
    SELECT least(
        (SELECT pg_catalog.now() FROM jobs.lanes l WHERE l.queue = session_user AND l.ready AND NOT l.is_full LIMIT 1),
        (SELECT pg_catalog.min(l.due_at) FROM jobs.lanes l
         WHERE l.queue = session_user AND (NOT l.ready OR l.is_full) AND l.due_at < 'infinity')
    );
END;

-- Removes the caller's own jobs that ended longer ago than `keep`, of up to `most` lanes that it has not been done for in
-- the last hour, and a thousand of each at a time; of how many lanes it was.
CREATE OR REPLACE FUNCTION jobs.purge(keep interval, most integer) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = ''
AS $$
DECLARE
    own_queue text := session_user;
    lane record;
    seen integer := 0;
    removed integer;
BEGIN
    FOR lane IN
        SELECT l.tenant_id, l.class, l.purged_at FROM jobs.lanes l
        WHERE l.queue = own_queue AND l.purged_at < pg_catalog.now() - interval '1 hour'
        ORDER BY l.purged_at LIMIT most FOR UPDATE SKIP LOCKED
    LOOP
        EXECUTE pg_catalog.format('SET LOCAL app.tenant_id = %L', lane.tenant_id);
        DELETE FROM jobs.jobs j WHERE j.tenant_id = lane.tenant_id AND j.id IN (
            SELECT o.id FROM jobs.jobs o
            WHERE o.tenant_id = lane.tenant_id AND o.queue = own_queue AND o.class = lane.class
                AND o.finished_at < pg_catalog.now() - keep
            LIMIT 1000
        );
        GET DIAGNOSTICS removed = ROW_COUNT;
        -- One that has more comes again, after those that have waited as long.
        UPDATE jobs.lanes l
        SET purged_at = CASE WHEN removed < 1000 THEN pg_catalog.now()
            ELSE greatest(lane.purged_at, pg_catalog.now() - interval '2 hours') + interval '1 second' END
        WHERE l.queue = own_queue AND l.class = lane.class AND l.tenant_id = lane.tenant_id;
        seen := seen + 1;
    END LOOP;
    EXECUTE 'SET LOCAL app.tenant_id = ''''';
    RETURN seen;
END
$$;

DELETE FROM tenancy.definer_functions WHERE function_name = 'jobs.claim(uuid, integer, interval)';
INSERT INTO tenancy.definer_functions VALUES
    ('jobs.claim(text, uuid, integer, integer, integer, interval)', 'a worker finds the next job before it knows whose it is');
GRANT CREATE ON SCHEMA jobs TO rowhouse_definer;
ALTER FUNCTION jobs.claim(text, uuid, integer, integer, integer, interval) OWNER TO rowhouse_definer;
REVOKE CREATE ON SCHEMA jobs FROM rowhouse_definer;
GRANT EXECUTE ON FUNCTION
    jobs.claim(text, uuid, integer, integer, integer, interval), jobs.claim(uuid, integer, interval)
    TO rowhouse_auth, rowhouse_onboarding, rowhouse_orders;
