-- The objects that the other rules read. Runs alone: if one of them is missing, the other queries fail.
SELECT 'schema_missing' AS rule, quote_ident(s.name) AS object, 'run `rowhouse migrate`' AS remedy
FROM unnest(ARRAY[$1::text, 'tenancy']) AS s (name)
WHERE s.name IS NOT NULL AND NOT EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE n.nspname = s.name)

UNION ALL
SELECT 'kernel_missing' AS rule, role.name, 'run `rowhouse migrate`'
FROM unnest(ARRAY['rowhouse_owner', 'rowhouse_definer', 'rowhouse_administrators']) AS role (name)
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = role.name)
    -- The audit of one service does not depend on the administrators.
    AND NOT ($1::text IS NOT NULL AND role.name = 'rowhouse_administrators')

UNION ALL
SELECT 'kernel_missing' AS rule, 'tenancy.' || relation.name, 'run `rowhouse migrate`'
FROM unnest(ARRAY['tenants', 'global_tables', 'definer_functions']) AS relation (name)
WHERE NOT EXISTS (
    SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'tenancy' AND c.relname = relation.name AND c.relkind = 'r'
)

UNION ALL
SELECT 'kernel_missing' AS rule, routine.name, 'run `rowhouse migrate`'
FROM unnest(ARRAY[
    'tenancy.current_tenant()', 'tenancy.set_tenant_context(uuid,uuid,bigint)', 'tenancy.protect(regclass)'
]) AS routine (name)
WHERE NOT EXISTS (
    SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = 'tenancy' AND p.oid::regprocedure::text = routine.name
)

-- Only for a service that audits its own schema. Other roles rightly have no access to the kernel.
UNION ALL
SELECT 'kernel_closed' AS rule, quote_ident(current_user), format('GRANT USAGE ON SCHEMA tenancy TO %I', current_user)
FROM pg_catalog.pg_namespace n
WHERE $1::text IS NOT NULL AND n.nspname = 'tenancy' AND NOT has_schema_privilege(n.oid, 'USAGE')

UNION ALL
SELECT 'kernel_closed' AS rule, quote_ident(current_user),
    format('GRANT SELECT ON tenancy.%I TO %I', c.relname, current_user)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE $1::text IS NOT NULL AND n.nspname = 'tenancy' AND c.relname IN ('global_tables', 'definer_functions')
    AND NOT has_table_privilege(c.oid, 'SELECT')
