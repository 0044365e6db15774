UPDATE tenancy.schema_compatibility SET oldest_supported = '20261123000012';
ALTER PROCEDURE tenancy.protect(regclass) RESET ALL;
ALTER FUNCTION auth.admit(bytea[], integer[]) RESET search_path;
ALTER FUNCTION tenancy.create_tenant(uuid, text, text) RESET search_path;
ALTER FUNCTION tenancy.enter_new_tenant(uuid) RESET search_path;
ALTER FUNCTION tenancy.set_tenant_context(uuid, uuid, bigint) RESET search_path;
