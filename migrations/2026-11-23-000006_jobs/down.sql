DROP TRIGGER wake_jobs ON tenancy.tenants;
DELETE FROM tenancy.definer_functions WHERE starts_with(function_name, 'jobs.');
DELETE FROM tenancy.global_tables WHERE starts_with(table_name, 'jobs.');
DROP SCHEMA jobs CASCADE;
