CREATE SCHEMA jobs;
GRANT USAGE ON SCHEMA jobs TO rowhouse_auth, rowhouse_onboarding, rowhouse_orders, rowhouse_definer;

-- Background work. A job belongs to a tenant, and is written in the transaction that it follows from.
CREATE TABLE jobs.jobs (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    -- Who does it: the role that wrote it. No role may write the column, so none gives work to another service.
    queue text NOT NULL DEFAULT current_user,
    kind text NOT NULL CHECK (char_length(kind) BETWEEN 1 AND 100),
    payload jsonb NOT NULL,
    -- Among the jobs of a queue that have not ended there is one with the key.
    unique_key text CHECK (char_length(unique_key) BETWEEN 1 AND 200),
    status text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'running', 'succeeded', 'dead', 'cancelled')),
    -- A queued job is begun then at the earliest; a running one is given to another worker then.
    due_at timestamptz NOT NULL DEFAULT now(),
    -- Which claim runs it: what an earlier one still does is refused.
    lease uuid,
    -- How often it was begun, and how often at most.
    attempts integer NOT NULL DEFAULT 0,
    max_attempts integer NOT NULL CHECK (max_attempts > 0),
    -- Seconds from one run to the next, of a recurring job.
    every_seconds bigint CHECK (every_seconds > 0),
    -- It was enqueued once more while it was running.
    again boolean NOT NULL DEFAULT false,
    cancellable boolean NOT NULL DEFAULT false,
    cancel_requested boolean NOT NULL DEFAULT false,
    progress_done bigint,
    progress_total bigint,
    last_error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    CHECK ((status = 'running') = (lease IS NOT NULL)),
    CHECK ((status IN ('queued', 'running')) = (finished_at IS NULL))
);
CREATE UNIQUE INDEX jobs_unique_key ON jobs.jobs (tenant_id, queue, unique_key) WHERE status IN ('queued', 'running');
CREATE INDEX jobs_due_at_idx ON jobs.jobs (tenant_id, queue, due_at, id) WHERE status IN ('queued', 'running');
CREATE INDEX jobs_status_idx ON jobs.jobs (tenant_id, status, id);
CREATE INDEX jobs_finished_at_idx ON jobs.jobs (tenant_id, finished_at) WHERE finished_at IS NOT NULL;
CALL tenancy.protect('jobs.jobs');
GRANT SELECT,
    INSERT (tenant_id, id, kind, payload, unique_key, due_at, max_attempts, every_seconds, cancellable),
    UPDATE (status, due_at, lease, attempts, again, cancel_requested, progress_done, progress_total, last_error, finished_at)
    ON jobs.jobs TO rowhouse_auth, rowhouse_onboarding, rowhouse_orders;
GRANT SELECT, DELETE,
    UPDATE (status, due_at, lease, attempts, again, last_error, progress_done, progress_total, started_at, finished_at)
    ON jobs.jobs TO rowhouse_definer;

-- Where there is something to do, so that a worker finds it without seeing any tenant's jobs: one row a queue and tenant. No
-- service role may touch it.
CREATE TABLE jobs.lanes (
    queue text NOT NULL,
    tenant_id uuid NOT NULL,
    -- Something may be due. Turns go to lanes that are ready.
    ready boolean NOT NULL,
    -- Nothing else is due before.
    due_at timestamptz NOT NULL,
    -- The last turn: who has waited longest since is next, however much the others have queued.
    served_at timestamptz NOT NULL DEFAULT '-infinity',
    -- When ended jobs were last removed.
    purged_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (queue, tenant_id)
)
-- Each turn rewrites a row, and each look reads the index over them.
WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE INDEX lanes_served_at_idx ON jobs.lanes (queue, served_at) WHERE ready;
CREATE INDEX lanes_due_at_idx ON jobs.lanes (queue, due_at) WHERE NOT ready;
CREATE INDEX lanes_tenant_id_idx ON jobs.lanes (tenant_id);
CREATE INDEX lanes_purged_at_idx ON jobs.lanes (queue, purged_at);
INSERT INTO tenancy.global_tables VALUES
    ('jobs.lanes', 'which tenants have something to do; reached only through the functions of the schema jobs');
GRANT SELECT, INSERT, UPDATE, DELETE ON jobs.lanes TO rowhouse_definer;

-- Keeps a tenant's lane in step with its jobs. Runs when the transaction commits, so that the lane's lock is held for no
-- longer than that; without the lock, a worker that just finds the lane empty could overlook the job.
--
-- Whoever listens on the queue's channel learns that there is something to do, not for whom. A lane that was ready before is
-- not announced again: NOTIFY makes commits wait for each other.
CREATE FUNCTION jobs.keep_lane() RETURNS trigger
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
CREATE CONSTRAINT TRIGGER keep_lane
    AFTER INSERT OR UPDATE OF status, due_at ON jobs.jobs
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.status = 'queued') EXECUTE FUNCTION jobs.keep_lane();

-- What a suspension has put aside goes on when the tenant is active again.
CREATE FUNCTION jobs.wake_tenant() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = ''
AS $$
DECLARE
    woken text;
BEGIN
    FOR woken IN
        UPDATE jobs.lanes l SET ready = true, due_at = pg_catalog.now() WHERE l.tenant_id = NEW.id RETURNING l.queue
    LOOP
        PERFORM pg_catalog.pg_notify('jobs_' || woken, '');
    END LOOP;
    RETURN NULL;
END
$$;
CREATE TRIGGER wake_jobs
    AFTER UPDATE OF status ON tenancy.tenants
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status AND NEW.status = 'active')
    EXECUTE FUNCTION jobs.wake_tenant();

-- Gives the caller, a service's worker, up to `most` jobs of its own queue that are due: to each tenant that has some one
-- after the other, who has waited longest first. They are the claim's until `lease_time` is over, unless it is prolonged.
--
-- It yields ids and nothing else: what is to be done is read inside the tenant. A row of nulls says that somebody else is
-- just looking at what is left, and that asking again in a moment may bring more.
--
-- No role bypasses row-level security, so it enters one tenant after the other.
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

-- When the caller's own queue has to be looked at again; nothing when nothing is queued.
CREATE FUNCTION jobs.next_due() RETURNS timestamptz
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = ''
BEGIN ATOMIC
    SELECT least(
        (SELECT pg_catalog.now() FROM jobs.lanes l WHERE l.queue = session_user AND l.ready LIMIT 1),
        (SELECT pg_catalog.min(l.due_at) FROM jobs.lanes l
         WHERE l.queue = session_user AND NOT l.ready AND l.due_at < 'infinity')
    );
END;

-- Removes the caller's own jobs that ended longer ago than `keep`, of up to `most` tenants that it has not been done for in
-- the last hour; of how many tenants it was.
CREATE FUNCTION jobs.purge(keep interval, most integer) RETURNS integer
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
    ('jobs.keep_lane()', 'keeps the list of tenants that have something to do in step with their jobs'),
    ('jobs.wake_tenant()', 'a tenant''s jobs go on when it is active again'),
    ('jobs.claim(uuid, integer, interval)', 'a worker finds the next job before it knows whose it is'),
    ('jobs.next_due()', 'a worker sleeps until there is something to do'),
    ('jobs.purge(interval, integer)', 'ended jobs are removed, tenant by tenant');
GRANT CREATE ON SCHEMA jobs TO rowhouse_definer;
ALTER FUNCTION jobs.keep_lane() OWNER TO rowhouse_definer;
ALTER FUNCTION jobs.wake_tenant() OWNER TO rowhouse_definer;
ALTER FUNCTION jobs.claim(uuid, integer, interval) OWNER TO rowhouse_definer;
ALTER FUNCTION jobs.next_due() OWNER TO rowhouse_definer;
ALTER FUNCTION jobs.purge(interval, integer) OWNER TO rowhouse_definer;
REVOKE CREATE ON SCHEMA jobs FROM rowhouse_definer;
GRANT EXECUTE ON FUNCTION jobs.claim(uuid, integer, interval), jobs.next_due(), jobs.purge(interval, integer)
    TO rowhouse_auth, rowhouse_onboarding, rowhouse_orders;
