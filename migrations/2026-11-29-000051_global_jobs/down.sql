DROP TRIGGER outbox_to_job ON auth.outbox;
DROP FUNCTION auth.outbox_to_job();
INSERT INTO auth.outbox (id, sealed_task, attempts, due_at)
SELECT g.id, g.payload, g.attempts, g.due_at FROM jobs.global_jobs g WHERE g.queue = 'rowhouse_auth' AND g.kind = 'auth.task';
DROP FUNCTION jobs.enqueue_global(uuid, text, bytea, boolean), jobs.claim_global(uuid, integer, interval),
    jobs.hold_global(uuid, uuid, interval), jobs.end_global(uuid, uuid),
    jobs.release_global(uuid, uuid, interval, boolean);
DROP TABLE jobs.global_jobs, jobs.global_kinds;
DELETE FROM tenancy.global_tables WHERE table_name IN ('jobs.global_jobs', 'jobs.global_kinds');
DELETE FROM tenancy.definer_functions
WHERE function_name ~ '^jobs\.[a-z]+_global\(' OR function_name = 'auth.outbox_to_job()';
