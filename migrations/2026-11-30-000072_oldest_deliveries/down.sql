DELETE FROM tenancy.definer_functions WHERE function_name IN ('auth.oldest_email(integer)', 'orders.oldest_delivery(integer)');
DROP FUNCTION orders.oldest_delivery(integer);
DROP FUNCTION auth.oldest_email(integer);
REVOKE SELECT ON orders.webhook_deliveries FROM rowhouse_definer;
REVOKE USAGE ON SCHEMA orders FROM rowhouse_definer;
ALTER TABLE jobs.global_jobs DROP COLUMN created_at;
