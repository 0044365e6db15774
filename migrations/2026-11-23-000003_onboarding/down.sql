DROP SCHEMA onboarding CASCADE;
DELETE FROM tenancy.global_tables WHERE table_name LIKE 'onboarding.%';
DELETE FROM tenancy.definer_functions WHERE function_name LIKE 'onboarding.%';
