DROP INDEX CONCURRENTLY IF EXISTS jobs.jobs_class_due_at_idx;
