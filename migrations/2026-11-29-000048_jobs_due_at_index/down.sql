CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_due_at_idx
    ON jobs.jobs (tenant_id, queue, due_at, id) WHERE status IN ('queued', 'running');
