-- How long the oldest email and the oldest webhook have been on their way. The age of a due job does not say it: each failed attempt
-- moves the time at which the job is due.

-- now() is evaluated once, and no row is rewritten.
-- safety-assured:start
ALTER TABLE jobs.global_jobs ADD COLUMN created_at timestamptz NOT NULL DEFAULT now();
-- safety-assured:end

-- The seconds since the oldest email that is not sent yet was enqueued, of at most so many tenants that have something to deliver, and
-- of those that wait for an address or a person. Zero when there is none.
--
-- No role bypasses row-level security, so it enters one tenant after the other. Nothing is due in a suspended one. Ids rise with time.
CREATE FUNCTION auth.oldest_email(most integer) RETURNS double precision
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
        WHERE l.queue = 'rowhouse_auth' AND l.class = 'delivery' AND l.due_at < 'infinity'
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

-- The seconds since the oldest event happened that an endpoint still has to get, of at most so many tenants that have something to
-- deliver. Zero when there is none.
CREATE FUNCTION orders.oldest_delivery(most integer) RETURNS double precision
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
        WHERE l.queue = 'rowhouse_orders' AND l.class = 'delivery' AND l.due_at < 'infinity'
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

INSERT INTO tenancy.definer_functions VALUES
    ('auth.oldest_email(integer)', 'auth measures its emails: it gets a number without a tenant'),
    ('orders.oldest_delivery(integer)', 'orders measures its webhooks: it gets a number without a tenant');
GRANT USAGE ON SCHEMA orders TO rowhouse_definer;
GRANT SELECT ON orders.webhook_deliveries TO rowhouse_definer;
GRANT CREATE ON SCHEMA auth, orders TO rowhouse_definer;
ALTER FUNCTION auth.oldest_email(integer) OWNER TO rowhouse_definer;
ALTER FUNCTION orders.oldest_delivery(integer) OWNER TO rowhouse_definer;
REVOKE CREATE ON SCHEMA auth, orders FROM rowhouse_definer;
GRANT EXECUTE ON FUNCTION auth.oldest_email(integer) TO rowhouse_auth;
GRANT EXECUTE ON FUNCTION orders.oldest_delivery(integer) TO rowhouse_orders;
