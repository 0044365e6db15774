-- The two lists that the other rules rely on.
SELECT 'global_table_missing' AS rule, g.table_name AS object,
    format('DELETE FROM tenancy.global_tables WHERE table_name = %L', g.table_name) AS remedy
FROM tenancy.global_tables g
WHERE NOT EXISTS (SELECT FROM tables t WHERE t.name = g.table_name)
    AND ($1::text IS NULL
        OR EXISTS (SELECT FROM schemas s WHERE s.audited AND starts_with(g.table_name, s.name || '.')))

UNION ALL
SELECT 'definer_missing' AS rule, f.function_name,
    format('DELETE FROM tenancy.definer_functions WHERE function_name = %L', f.function_name)
FROM tenancy.definer_functions f
WHERE NOT EXISTS (SELECT FROM routines r WHERE r.definer AND r.name = replace(f.function_name, ', ', ','))
    AND ($1::text IS NULL
        OR EXISTS (SELECT FROM schemas s WHERE s.audited AND starts_with(f.function_name, s.name || '.')))

UNION ALL
SELECT 'list_writable' AS rule, g.name,
    format('REVOKE %s%s ON %s FROM %s', g.privilege, g.columns, g.target, g.holder)
FROM grants g
WHERE g.name IN ('tenancy.global_tables', 'tenancy.definer_functions')
    AND g.privilege IN ('INSERT', 'UPDATE', 'DELETE')

UNION ALL
SELECT 'global_table_exposed' AS rule, g.name,
    format('REVOKE %s%s ON %s FROM %s', g.privilege, g.columns, g.target, g.holder)
FROM grants g JOIN tables t ON t.oid = g.oid
WHERE t.audited AND t.class = 'global' AND t.has_tenant_id
    AND g.grantee NOT IN (SELECT k.oid FROM kernel_roles k WHERE k.rolname = 'rowhouse_definer')
