-- A service's role changes jobs of its own queue, and learns what they are about; of the others' jobs in a tenant it sees that they
-- are there.
--
-- Whether a row is the role's own is no question of the tenant, so it is no second policy: a trigger refuses the change, and what is
-- about a job is read through a function.
CREATE FUNCTION jobs.refuse_others_job() RETURNS trigger
LANGUAGE plpgsql
SET search_path = ''
AS $$
BEGIN
    -- The functions of this schema, and who may become the owner.
    IF current_user = 'rowhouse_definer' OR pg_catalog.pg_has_role(current_user, 'rowhouse_owner', 'MEMBER') THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the job is of another service' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER refuse_others_job
    BEFORE UPDATE ON jobs.jobs
    FOR EACH ROW WHEN (OLD.queue <> current_user) EXECUTE FUNCTION jobs.refuse_others_job();

REVOKE SELECT ON jobs.jobs FROM rowhouse_auth, rowhouse_onboarding, rowhouse_orders;
GRANT SELECT (
    tenant_id, id, queue, class, kind, unique_key, status, due_at, lease, attempts, max_attempts, every_seconds, again, cancellable,
    cancel_requested, progress_done, progress_total, last_error, created_at, started_at, finished_at
) ON jobs.jobs TO rowhouse_auth, rowhouse_onboarding, rowhouse_orders;

-- What a claimed job of the caller's own queue is about. Inside its tenant, whose policy it is under.
CREATE FUNCTION jobs.task(tenant uuid, job uuid, claim uuid)
RETURNS TABLE (kind text, payload jsonb, attempts integer, max_attempts integer, cancel_requested boolean)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = ''
BEGIN ATOMIC
    SELECT j.kind, j.payload, j.attempts, j.max_attempts, j.cancel_requested FROM jobs.jobs j
    WHERE j.tenant_id = tenant AND j.id = job AND j.lease = claim AND j.queue = session_user;
END;

-- Asks for the end of one of the tenant's jobs, whichever service does it. Says whether there is such a job that has not ended and
-- may be cancelled.
CREATE FUNCTION jobs.cancel(tenant uuid, job uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = ''
AS $$
BEGIN
    UPDATE jobs.jobs j SET cancel_requested = true,
        due_at = CASE j.status WHEN 'queued' THEN pg_catalog.now() ELSE j.due_at END
    WHERE j.tenant_id = tenant AND j.id = job AND j.status IN ('queued', 'running') AND j.cancellable;
    RETURN FOUND;
END
$$;

-- Has auth write down, and mail to the tenant's administrators, that orders has disabled a webhook endpoint: in the transaction in
-- which it does. It is the one job that a service has another do.
CREATE FUNCTION jobs.report_disabled_endpoint(job uuid, endpoint uuid, reason text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = ''
BEGIN ATOMIC
    INSERT INTO jobs.jobs (tenant_id, id, queue, class, kind, payload, max_attempts)
    SELECT tenancy.current_tenant(), job, 'rowhouse_auth', 'delivery', 'webhook.report_disabled',
        pg_catalog.jsonb_build_object('webhook_endpoint_id', endpoint, 'reason', reason), 20
    WHERE reason IN ('failing', 'gone');
END;
GRANT INSERT (tenant_id, id, queue, class, kind, payload, max_attempts), UPDATE (cancel_requested)
    ON jobs.jobs TO rowhouse_definer;

INSERT INTO tenancy.definer_functions VALUES
    ('jobs.task(uuid, uuid, uuid)', 'a worker reads what its own job is about, which no other service may'),
    ('jobs.cancel(uuid, uuid)', 'a tenant''s people cancel jobs of all services'),
    ('jobs.report_disabled_endpoint(uuid, uuid, text)', 'auth logs and mails what orders has disabled');
GRANT CREATE ON SCHEMA jobs TO rowhouse_definer;
ALTER FUNCTION jobs.task(uuid, uuid, uuid) OWNER TO rowhouse_definer;
ALTER FUNCTION jobs.cancel(uuid, uuid) OWNER TO rowhouse_definer;
ALTER FUNCTION jobs.report_disabled_endpoint(uuid, uuid, text) OWNER TO rowhouse_definer;
REVOKE CREATE ON SCHEMA jobs FROM rowhouse_definer;
GRANT EXECUTE ON FUNCTION jobs.task(uuid, uuid, uuid) TO rowhouse_auth, rowhouse_onboarding, rowhouse_orders;
GRANT EXECUTE ON FUNCTION jobs.cancel(uuid, uuid) TO rowhouse_onboarding;
GRANT EXECUTE ON FUNCTION jobs.report_disabled_endpoint(uuid, uuid, text) TO rowhouse_orders;
