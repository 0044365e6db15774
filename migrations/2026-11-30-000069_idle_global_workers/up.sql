-- With an empty queue, the workers of jobs that belong to no tenant asked a hundred times a second. Now they sleep until they are
-- woken.
-- Gives the caller, a service's worker, up to `most` jobs of its own queue that are due, the oldest first. They are the claim's until
-- `lease_time` is over, unless it is prolonged. The last row has no job, and says after how many seconds there may be more to claim;
-- never, when it is null.
CREATE OR REPLACE FUNCTION jobs.claim_global(claim uuid, most integer, lease_time interval)
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
    SELECT extract(epoch FROM pg_catalog.min(g.due_at) - pg_catalog.clock_timestamp()) INTO wait
    FROM jobs.global_jobs g WHERE g.queue = own_queue;
    -- GREATEST leaves NULL out, and an empty queue has nothing to wait for.
    IF wait < 0.01 THEN
        wait := 0.01;
    END IF;
    RETURN NEXT;
END
$$;
