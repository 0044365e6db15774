-- Looks at the old rows for the constraints of 2026-11-29-000025 and 2026-11-29-000027. It keeps nobody out.
ALTER TABLE jobs.jobs VALIDATE CONSTRAINT jobs_class_check;
ALTER TABLE orders.webhook_endpoints
    VALIDATE CONSTRAINT webhook_endpoints_disabled_reason_check,
    VALIDATE CONSTRAINT webhook_endpoints_previous_secret_check;
