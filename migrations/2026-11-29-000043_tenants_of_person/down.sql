DELETE FROM tenancy.definer_functions WHERE function_name = 'auth.count_tenants_of(uuid)';
DROP FUNCTION auth.count_tenants_of(uuid);
