DELETE FROM tenancy.definer_functions WHERE function_name = 'tenancy.schema_version()';
DROP FUNCTION tenancy.schema_version();
REVOKE SELECT (version) ON public.__diesel_schema_migrations FROM rowhouse_definer;
DELETE FROM tenancy.global_tables WHERE table_name = 'tenancy.schema_compatibility';
DROP TABLE tenancy.schema_compatibility;
