DROP SCHEMA auth CASCADE;
DELETE FROM tenancy.global_tables WHERE table_name LIKE 'auth.%';
DELETE FROM tenancy.definer_functions WHERE function_name LIKE 'auth.%';
