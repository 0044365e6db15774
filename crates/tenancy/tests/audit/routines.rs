//! Violations by views, sequences and routines.

use crate::case::{Case, admin, owner};

pub(crate) const CASES: &[Case] = &[
    owner("CREATE VIEW orders.all_notes AS SELECT * FROM orders.probes", &[("view_as_owner", "orders.all_notes")]),
    owner(
        "CREATE VIEW orders.all_notes WITH (security_invoker = off) AS SELECT * FROM orders.probes",
        &[("view_as_owner", "orders.all_notes")],
    ),
    owner("CREATE VIEW orders.all_notes WITH (security_invoker) AS SELECT * FROM orders.probes", &[]),
    owner(
        "CREATE MATERIALIZED VIEW orders.all_notes AS SELECT * FROM orders.probes WITH NO DATA",
        &[("materialized_view", "orders.all_notes")],
    ),
    admin(
        "CREATE FOREIGN DATA WRAPPER audit_wrapper;
         CREATE SERVER audit_server FOREIGN DATA WRAPPER audit_wrapper;
         CREATE FOREIGN TABLE orders.elsewhere (tenant_id uuid) SERVER audit_server;
         ALTER FOREIGN TABLE orders.elsewhere OWNER TO rowhouse_owner",
        &[("foreign_table", "orders.elsewhere")],
    ),
    owner(
        "ALTER TABLE orders.probes ADD number bigint GENERATED ALWAYS AS IDENTITY",
        &[("sequence_across_tenants", "orders.probes.number")],
    ),
    owner(
        "CREATE SEQUENCE orders.numbers;
         ALTER TABLE orders.probes ADD number text DEFAULT 'N-' || nextval('orders.numbers')",
        &[("sequence_across_tenants", "orders.probes.number")],
    ),
    owner(
        "CREATE RULE forget AS ON DELETE TO orders.probes DO INSTEAD NOTHING",
        &[("rewrite_rule", "orders.probes.forget")],
    ),
    admin(
        "CREATE FUNCTION orders.peek() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = ''
             RETURN (SELECT count(*) FROM orders.probes);
         ALTER FUNCTION orders.peek() OWNER TO rowhouse_definer;
         REVOKE EXECUTE ON FUNCTION orders.peek() FROM PUBLIC",
        &[("definer_undeclared", "orders.peek()")],
    ),
    admin(
        "ALTER FUNCTION auth.memberships_of(uuid) OWNER TO rowhouse_owner",
        &[("definer_owner", "auth.memberships_of(uuid)")],
    ),
    admin(
        "ALTER FUNCTION auth.memberships_of(uuid) SET search_path = auth",
        &[("definer_search_path", "auth.memberships_of(uuid)")],
    ),
    admin(
        "ALTER FUNCTION onboarding.claim_key(bytea, bytea, uuid) RESET ALL",
        &[("definer_search_path", "onboarding.claim_key(bytea,bytea,uuid)")],
    ),
    admin("ALTER FUNCTION auth.memberships_of(uuid) SET search_path = pg_catalog, pg_temp", &[]),
    owner(
        "CREATE FUNCTION orders.shorter(a text, b text) RETURNS text LANGUAGE plpgsql
             AS $$ BEGIN RETURN least(a, b); END $$",
        &[("routine_search_path", "orders.shorter(text,text)")],
    ),
    owner(
        "CREATE FUNCTION orders.same(a text, b text) RETURNS boolean LANGUAGE sql AS 'SELECT a = b'",
        &[("routine_search_path", "orders.same(text,text)")],
    ),
    owner("CREATE FUNCTION orders.same(a text, b text) RETURNS boolean LANGUAGE sql RETURN a = b", &[]),
    owner(
        "ALTER FUNCTION tenancy.enter_new_tenant(uuid) SET search_path = orders, pg_catalog",
        &[("routine_search_path", "tenancy.enter_new_tenant(uuid)")],
    ),
    owner(
        "ALTER FUNCTION tenancy.set_tenant_context(uuid, uuid, bigint) RESET search_path",
        &[("set_tenant_context", "tenancy.set_tenant_context(uuid,uuid,bigint)")],
    ),
    admin(
        "GRANT EXECUTE ON FUNCTION auth.memberships_of(uuid) TO PUBLIC",
        &[("definer_public", "auth.memberships_of(uuid)")],
    ),
    admin(
        "ALTER FUNCTION orders.next_number(text) OWNER TO CURRENT_USER",
        &[("routine_owner", "orders.next_number(text)")],
    ),
    owner(
        "CREATE FUNCTION orders.whose() RETURNS uuid LANGUAGE sql IMMUTABLE RETURN tenancy.current_tenant()",
        &[("immutable_reads_tenant", "orders.whose()")],
    ),
    owner(
        "CREATE FUNCTION orders.whose() RETURNS text LANGUAGE plpgsql IMMUTABLE SET search_path = ''
             AS $$ BEGIN RETURN current_setting('app.tenant_id'); END $$",
        &[("immutable_reads_tenant", "orders.whose()")],
    ),
    admin(
        "CREATE FUNCTION orders.harmless(uuid) RETURNS boolean LANGUAGE sql LEAKPROOF RETURN true;
         ALTER FUNCTION orders.harmless(uuid) OWNER TO rowhouse_owner;
         REVOKE EXECUTE ON FUNCTION orders.harmless(uuid) FROM PUBLIC",
        &[("leakproof_routine", "orders.harmless(uuid)")],
    ),
    owner(
        "ALTER FUNCTION tenancy.current_tenant() IMMUTABLE",
        &[("current_tenant", "tenancy.current_tenant()")],
    ),
    owner(
        "CREATE OR REPLACE FUNCTION tenancy.current_tenant() RETURNS uuid LANGUAGE sql STABLE
             RETURN coalesce(nullif(current_setting('app.tenant_id', true), ''), 'f6c0e9ac-0000-4000-8000-000000000000')::uuid",
        &[("current_tenant", "tenancy.current_tenant()")],
    ),
    owner(
        "CREATE OR REPLACE FUNCTION tenancy.set_tenant_context(
                 tenant uuid, session uuid DEFAULT NULL, issued_at bigint DEFAULT NULL
             ) RETURNS void LANGUAGE sql
             AS $$ SELECT set_config('app.tenant_id', tenant::text, false) $$",
        &[("set_tenant_context", "tenancy.set_tenant_context(uuid,uuid,bigint)")],
    ),
    // It admits suspended tenants.
    owner(
        "CREATE OR REPLACE FUNCTION tenancy.set_tenant_context(
                 tenant uuid, session uuid DEFAULT NULL, issued_at bigint DEFAULT NULL
             ) RETURNS void LANGUAGE plpgsql
             AS $$ BEGIN EXECUTE format('SET LOCAL app.tenant_id = %L', tenant); END $$",
        &[("set_tenant_context", "tenancy.set_tenant_context(uuid,uuid,bigint)")],
    ),
];
