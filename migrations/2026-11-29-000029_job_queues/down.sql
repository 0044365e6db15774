DROP TRIGGER refuse_others_job ON jobs.jobs;
DROP FUNCTION jobs.refuse_others_job();
GRANT SELECT ON jobs.jobs TO rowhouse_auth, rowhouse_onboarding, rowhouse_orders;
DELETE FROM tenancy.definer_functions WHERE function_name IN (
    'jobs.task(uuid, uuid, uuid)', 'jobs.cancel(uuid, uuid)', 'jobs.report_disabled_endpoint(uuid, uuid, text)'
);
DROP FUNCTION jobs.task(uuid, uuid, uuid);
DROP FUNCTION jobs.cancel(uuid, uuid);
DROP FUNCTION jobs.report_disabled_endpoint(uuid, uuid, text);
REVOKE INSERT (tenant_id, id, queue, class, kind, payload, max_attempts), UPDATE (cancel_requested)
    ON jobs.jobs FROM rowhouse_definer;
