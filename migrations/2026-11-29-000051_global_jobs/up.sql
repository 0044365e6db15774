-- Jobs that belong to no tenant, such as an email to an address of which nobody knows yet whether it has an account. A job of a
-- tenant stays in jobs.jobs, behind its tenant's policy; this is for what has none, and each kind has to be declared.
CREATE TABLE jobs.global_kinds (
    -- The role of the service whose jobs they are.
    queue text NOT NULL,
    kind text NOT NULL CHECK (char_length(kind) BETWEEN 1 AND 100),
    reason text NOT NULL CHECK (reason <> ''),
    PRIMARY KEY (queue, kind)
);

-- No policy keeps one service's jobs from another, so no service may touch the table: the functions below know each caller by
-- its login. A job is removed when it ends.
CREATE TABLE jobs.global_jobs (
    id uuid PRIMARY KEY,
    queue text NOT NULL,
    kind text NOT NULL,
    -- Encrypted with a key that the database does not have.
    payload bytea NOT NULL,
    -- A job that waits is begun then at the earliest; a claimed one is given to another worker then.
    due_at timestamptz NOT NULL DEFAULT now(),
    -- The claim that runs it: what an earlier one still does is refused.
    lease uuid,
    -- How often it was begun.
    attempts integer NOT NULL DEFAULT 0,
    FOREIGN KEY (queue, kind) REFERENCES jobs.global_kinds
)
-- Each job is a row that is soon removed, and each look reads the index over them.
WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE INDEX global_jobs_due_at_idx ON jobs.global_jobs (queue, due_at, id);

INSERT INTO tenancy.global_tables VALUES
    ('jobs.global_kinds', 'the list of jobs that belong to no tenant'),
    ('jobs.global_jobs', 'jobs that belong to no tenant; reached only through the functions of the schema jobs');
INSERT INTO jobs.global_kinds VALUES
    ('rowhouse_auth', 'auth.task', 'what auth does for an address or a person, before it is known whether they are in a tenant');
GRANT SELECT ON jobs.global_kinds TO rowhouse_definer;
GRANT SELECT, INSERT, UPDATE (due_at, lease, attempts), DELETE ON jobs.global_jobs TO rowhouse_definer;

-- Adds a job to the caller's own queue, if it is `wanted`. If it is not, the same work is done and nothing is added, so that the
-- time of a request does not tell.
CREATE FUNCTION jobs.enqueue_global(job uuid, of_kind text, ciphertext bytea, wanted boolean) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = ''
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM jobs.global_kinds k WHERE k.queue = session_user AND k.kind = of_kind) THEN
        RAISE EXCEPTION 'jobs of the kind % belong to a tenant: jobs.global_kinds does not list it for %', of_kind, session_user
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    INSERT INTO jobs.global_jobs (id, queue, kind, payload) SELECT job, session_user, of_kind, ciphertext WHERE wanted;
    IF wanted THEN
        PERFORM pg_catalog.pg_notify('jobs_' || session_user, '');
    END IF;
END
$$;

-- Gives the caller, a service's worker, up to `most` jobs of its own queue that are due, the oldest first. They are the claim's until
-- `lease_time` is over, unless it is prolonged. The last row has no job, and says after how many seconds there may be more to claim;
-- never, when it is null.
CREATE FUNCTION jobs.claim_global(claim uuid, most integer, lease_time interval)
RETURNS TABLE (job_id uuid, kind text, payload bytea, attempts integer, wait double precision)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = ''
AS $$
DECLARE
    -- The login role, whoever owns this function.
    own_queue text := session_user;
    moment timestamptz := pg_catalog.clock_timestamp();
BEGIN
    -- A claim that a crash of the server forgets is made again: nobody has to wait until it is on disk.
    PERFORM pg_catalog.set_config('synchronous_commit', 'off', true);
    RETURN QUERY
        WITH due AS MATERIALIZED (
            SELECT d.id FROM jobs.global_jobs d WHERE d.queue = own_queue AND d.due_at <= moment
            ORDER BY d.due_at, d.id LIMIT most FOR UPDATE SKIP LOCKED
        )
        UPDATE jobs.global_jobs g SET lease = claim, due_at = moment + lease_time, attempts = g.attempts + 1
        FROM due WHERE g.id = due.id
        RETURNING g.id, g.kind, g.payload, g.attempts, NULL::double precision;
    job_id := NULL;
    kind := NULL;
    payload := NULL;
    attempts := NULL;
    SELECT greatest(0.01, extract(epoch FROM pg_catalog.min(g.due_at) - pg_catalog.clock_timestamp())) INTO wait
    FROM jobs.global_jobs g WHERE g.queue = own_queue;
    RETURN NEXT;
END
$$;

-- Prolongs a claim, and keeps others from the job until the transaction ends. Says whether the job was still the claim's, as do the
-- two below.
CREATE FUNCTION jobs.hold_global(job uuid, claim uuid, lease_time interval) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = ''
AS $$
BEGIN
    UPDATE jobs.global_jobs g SET due_at = pg_catalog.clock_timestamp() + lease_time
    WHERE g.id = job AND g.lease = claim AND g.queue = session_user;
    RETURN FOUND;
END
$$;

-- Ends a job, well or not: it is removed.
CREATE FUNCTION jobs.end_global(job uuid, claim uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = ''
AS $$
BEGIN
    DELETE FROM jobs.global_jobs g WHERE g.id = job AND g.lease = claim AND g.queue = session_user;
    RETURN FOUND;
END
$$;

-- Releases a job to be begun again after the delay; with `uncounted`, as if it had not been begun.
CREATE FUNCTION jobs.release_global(job uuid, claim uuid, delay interval, uncounted boolean) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = ''
AS $$
BEGIN
    UPDATE jobs.global_jobs g
    SET lease = NULL, due_at = pg_catalog.clock_timestamp() + delay,
        attempts = CASE WHEN uncounted THEN g.attempts - 1 ELSE g.attempts END
    WHERE g.id = job AND g.lease = claim AND g.queue = session_user;
    RETURN FOUND;
END
$$;

-- For programs of the release before, which put what is to be done into auth.outbox: it becomes a job, and the programs of this
-- release do it. The table and this function go with the next release.
CREATE FUNCTION auth.outbox_to_job() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = ''
AS $$
BEGIN
    INSERT INTO jobs.global_jobs (id, queue, kind, payload)
    VALUES (NEW.id, 'rowhouse_auth', 'auth.task', NEW.sealed_task);
    PERFORM pg_catalog.pg_notify('jobs_rowhouse_auth', '');
    RETURN NULL;
END
$$;

INSERT INTO tenancy.definer_functions VALUES
    ('jobs.enqueue_global(uuid, text, bytea, boolean)', 'a service adds a job that belongs to no tenant, of a kind that is declared'),
    ('jobs.claim_global(uuid, integer, interval)', 'a worker claims its own service''s jobs that belong to no tenant'),
    ('jobs.hold_global(uuid, uuid, interval)', 'a worker keeps a job that belongs to no tenant'),
    ('jobs.end_global(uuid, uuid)', 'a worker ends a job that belongs to no tenant'),
    ('jobs.release_global(uuid, uuid, interval, boolean)', 'a worker releases a job that belongs to no tenant'),
    ('auth.outbox_to_job()', 'what programs of the release before add to the outbox becomes a job');
GRANT CREATE ON SCHEMA jobs, auth TO rowhouse_definer;
ALTER FUNCTION jobs.enqueue_global(uuid, text, bytea, boolean) OWNER TO rowhouse_definer;
ALTER FUNCTION jobs.claim_global(uuid, integer, interval) OWNER TO rowhouse_definer;
ALTER FUNCTION jobs.hold_global(uuid, uuid, interval) OWNER TO rowhouse_definer;
ALTER FUNCTION jobs.end_global(uuid, uuid) OWNER TO rowhouse_definer;
ALTER FUNCTION jobs.release_global(uuid, uuid, interval, boolean) OWNER TO rowhouse_definer;
ALTER FUNCTION auth.outbox_to_job() OWNER TO rowhouse_definer;
REVOKE CREATE ON SCHEMA jobs, auth FROM rowhouse_definer;
GRANT EXECUTE ON FUNCTION
    jobs.enqueue_global(uuid, text, bytea, boolean),
    jobs.claim_global(uuid, integer, interval),
    jobs.hold_global(uuid, uuid, interval),
    jobs.end_global(uuid, uuid),
    jobs.release_global(uuid, uuid, interval, boolean)
    TO rowhouse_auth, rowhouse_onboarding, rowhouse_orders;

-- What waits in the outbox moves over. A task that a program of the release before is just doing moves too, and is done again at
-- the end of its lease. An email that waits there is then sent twice with one Message-ID; a task that makes a link makes a second
-- one, and the first is good no more.
CREATE TRIGGER outbox_to_job BEFORE INSERT ON auth.outbox FOR EACH ROW EXECUTE FUNCTION auth.outbox_to_job();
INSERT INTO jobs.global_jobs (id, queue, kind, payload, due_at, attempts)
SELECT o.id, 'rowhouse_auth', 'auth.task', o.sealed_task, o.due_at, o.attempts FROM auth.outbox o;
-- Few rows: what waits is done within seconds, unless mail cannot be sent.
-- safety-assured:start
DELETE FROM auth.outbox;
-- safety-assured:end
