-- Claims are of one class since 2026-11-29-000025, and use the index of 2026-11-29-000026.
DROP INDEX CONCURRENTLY IF EXISTS jobs.jobs_due_at_idx;
