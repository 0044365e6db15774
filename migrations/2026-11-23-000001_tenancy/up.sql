-- The walls, once, for every schema that follows. Run as rowhouse_owner.

-- Functions are closed until they are granted; PostgreSQL's default opens each to PUBLIC.
ALTER DEFAULT PRIVILEGES FOR ROLE rowhouse_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

CREATE SCHEMA tenancy;
GRANT USAGE ON SCHEMA tenancy TO rowhouse_auth, rowhouse_onboarding, rowhouse_orders, rowhouse_definer;

-- Body form, so that names are bound when the function is made and no search_path can redirect them.
-- STABLE, never IMMUTABLE: an immutable one is folded into cached plans, which then serve the first
-- tenant's rows to the next. nullif, because on a reused connection the setting is '' and not NULL.
CREATE FUNCTION tenancy.current_tenant() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(pg_catalog.current_setting('app.tenant_id', true), '')::uuid;

GRANT EXECUTE ON FUNCTION tenancy.current_tenant()
    TO rowhouse_auth, rowhouse_onboarding, rowhouse_orders, rowhouse_definer;

CREATE TABLE tenancy.tenants (
    id uuid PRIMARY KEY,
    slug text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{1,61})[a-z0-9]$'),
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    status text NOT NULL DEFAULT 'provisioning' CHECK (status IN ('provisioning', 'active', 'suspended')),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE tenancy.tenants IS 'The directory of tenants. Its own id is the tenant, so each tenant sees one row.';

ALTER TABLE tenancy.tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenancy.tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON tenancy.tenants
    AS PERMISSIVE FOR ALL TO PUBLIC
    USING (id = (SELECT tenancy.current_tenant()))
    WITH CHECK (id = (SELECT tenancy.current_tenant()));

GRANT SELECT ON tenancy.tenants TO rowhouse_auth, rowhouse_onboarding, rowhouse_orders, rowhouse_definer;
GRANT INSERT (id, slug, name), UPDATE (status, updated_at), DELETE ON tenancy.tenants TO rowhouse_onboarding;

-- Tables that belong to no tenant, each with the reason. The audit fails on any other table without walls.
CREATE TABLE tenancy.global_tables (
    table_name text PRIMARY KEY,
    reason text NOT NULL CHECK (reason <> '')
);
INSERT INTO tenancy.global_tables VALUES ('tenancy.global_tables', 'this list');

-- The SECURITY DEFINER functions, the only ways to look across tenants, each with the reason. The audit
-- fails on any other.
CREATE TABLE tenancy.definer_functions (
    function_name text PRIMARY KEY,
    reason text NOT NULL CHECK (reason <> '')
);
INSERT INTO tenancy.global_tables VALUES ('tenancy.definer_functions', 'the list of functions that look across tenants');

GRANT SELECT ON tenancy.global_tables, tenancy.definer_functions
    TO rowhouse_auth, rowhouse_onboarding, rowhouse_orders;

-- Enters a tenant until the transaction ends. SET LOCAL by EXECUTE and not set_config(): Citus forwards
-- the one to its shards and not the other.
--
-- Security invoker: the directory's row is read through its own policy, in the context just set, so
-- nothing here sees another tenant. A refusal aborts the transaction and takes the context with it.
--
-- Errors: RH001 no such tenant, RH002 tenant suspended, RH003 another tenant's context is set already. Each also
-- carries a constraint's name, which is what diesel hands on (it keeps no SQLSTATE).
CREATE FUNCTION tenancy.set_tenant_context(tenant uuid) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    entered uuid := tenancy.current_tenant();
    tenant_status text;
BEGIN
    IF entered IS NOT NULL AND entered IS DISTINCT FROM tenant THEN
        RAISE EXCEPTION 'the transaction belongs to another tenant'
            USING ERRCODE = 'RH003', CONSTRAINT = 'one_tenant_per_transaction';
    END IF;
    EXECUTE pg_catalog.format('SET LOCAL app.tenant_id = %L', coalesce(tenant::text, ''));
    SELECT t.status INTO tenant_status FROM tenancy.tenants t WHERE t.id = tenant;
    IF tenant_status IS NULL THEN
        RAISE EXCEPTION 'there is no such tenant' USING ERRCODE = 'RH001', CONSTRAINT = 'tenant_exists';
    ELSIF tenant_status = 'suspended' THEN
        RAISE EXCEPTION 'the tenant is suspended' USING ERRCODE = 'RH002', CONSTRAINT = 'tenant_not_suspended';
    END IF;
END
$$;

GRANT EXECUTE ON FUNCTION tenancy.set_tenant_context(uuid)
    TO rowhouse_auth, rowhouse_onboarding, rowhouse_orders;

-- Brings a tenant into being and enters it, until the transaction ends. Security invoker: INSERT on the
-- directory is the onboarding role's alone, and the policy admits only the row whose id is the context.
CREATE FUNCTION tenancy.create_tenant(tenant uuid, tenant_slug text, tenant_name text) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    IF tenancy.current_tenant() IS NOT NULL THEN
        RAISE EXCEPTION 'the transaction belongs to another tenant'
            USING ERRCODE = 'RH003', CONSTRAINT = 'one_tenant_per_transaction';
    END IF;
    EXECUTE pg_catalog.format('SET LOCAL app.tenant_id = %L', tenant);
    INSERT INTO tenancy.tenants (id, slug, name) VALUES (tenant, tenant_slug, tenant_name);
END
$$;

GRANT EXECUTE ON FUNCTION tenancy.create_tenant(uuid, text, text) TO rowhouse_onboarding;

-- Gives a table its walls: the policy's text stands here and nowhere else.
--
-- The table has to have tenant_id uuid NOT NULL and PRIMARY KEY (tenant_id, id), else RH004. What else a
-- tenant table needs (indexes and foreign keys led by tenant_id) is the audit's to see.
CREATE PROCEDURE tenancy.protect(tenant_table regclass)
LANGUAGE plpgsql
AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = tenant_table AND a.attname = 'tenant_id'
            AND a.atttypid = 'uuid'::pg_catalog.regtype AND a.attnotnull AND NOT a.attisdropped
    ) THEN
        RAISE EXCEPTION '% has no column tenant_id uuid NOT NULL', tenant_table
            USING ERRCODE = 'RH004', HINT = 'Add the column, then call tenancy.protect again.';
    END IF;
    IF NOT EXISTS (
        SELECT FROM pg_catalog.pg_constraint c
        WHERE c.conrelid = tenant_table AND c.contype = 'p'
            AND pg_catalog.pg_get_constraintdef(c.oid) = 'PRIMARY KEY (tenant_id, id)'
    ) THEN
        RAISE EXCEPTION '% has another primary key than (tenant_id, id)', tenant_table
            USING ERRCODE = 'RH004', HINT = 'Declare PRIMARY KEY (tenant_id, id), then call tenancy.protect again.';
    END IF;

    EXECUTE pg_catalog.format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tenant_table);
    EXECUTE pg_catalog.format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', tenant_table);
    EXECUTE pg_catalog.format(
        'CREATE POLICY tenant_isolation ON %s AS PERMISSIVE FOR ALL TO PUBLIC '
        'USING (tenant_id = (SELECT tenancy.current_tenant())) '
        'WITH CHECK (tenant_id = (SELECT tenancy.current_tenant()))', tenant_table);
    EXECUTE pg_catalog.format(
        'ALTER TABLE %s ADD FOREIGN KEY (tenant_id) REFERENCES tenancy.tenants (id)', tenant_table);
END
$$;
