-- What the functions' names, types and operators mean is settled here, and not by the search_path of whoever calls: with
-- `orders` before `pg_catalog` in it and an operator `orders.=(text, text)`, a suspended tenant could be entered.
--
-- Not needed by what was made with `RETURN` or `BEGIN ATOMIC`, nor by policies, defaults and checks: they are stored as they
-- were understood when they were made. So tenancy.current_tenant() stays without, and is still inlined.
ALTER FUNCTION tenancy.set_tenant_context(uuid, uuid, bigint) SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION tenancy.enter_new_tenant(uuid) SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION tenancy.create_tenant(uuid, text, text) SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION auth.admit(bytea[], integer[]) SET search_path = pg_catalog, pg_temp;
ALTER PROCEDURE tenancy.protect(regclass) SET search_path = pg_catalog, pg_temp;
-- It compares a constraint's text.
ALTER PROCEDURE tenancy.protect(regclass) SET quote_all_identifiers = off;

-- The audit of older programs knows tenancy.set_tenant_context without it.
UPDATE tenancy.schema_compatibility SET oldest_supported = '20261129000015' WHERE id;
