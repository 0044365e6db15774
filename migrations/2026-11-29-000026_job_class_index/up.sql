-- For claims of one class. The status is a column of it, so that what runs is counted without passing over what is queued.
CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_class_due_at_idx
    ON jobs.jobs (tenant_id, queue, class, status, due_at, id) WHERE status IN ('queued', 'running');
