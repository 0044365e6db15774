-- The list may have a space after a comma; the server prints none.
, declared AS (
    SELECT replace(f.function_name, ', ', ',') AS name FROM tenancy.definer_functions f
)
SELECT 'definer_undeclared' AS rule, r.name AS object,
    format('ALTER ROUTINE %s SECURITY INVOKER, or INSERT INTO tenancy.definer_functions VALUES (%L, ''the reason'')',
        r.name, r.name) AS remedy
FROM routines r
WHERE r.definer AND r.name NOT IN (SELECT d.name FROM declared d)

UNION ALL
SELECT 'definer_owner' AS rule, r.name, format('ALTER ROUTINE %s OWNER TO rowhouse_definer', r.name)
FROM routines r
WHERE r.definer AND pg_get_userbyid(r.owner) <> 'rowhouse_definer'

UNION ALL
SELECT 'definer_search_path' AS rule, r.name, format('ALTER ROUTINE %s SET search_path = %L', r.name, '')
FROM routines r
WHERE r.definer AND NOT coalesce(r.config && ARRAY['search_path=""', 'search_path=pg_catalog, pg_temp'], false)

UNION ALL
-- Bodies that are parsed when the routine is created resolve no names at run time.
SELECT 'routine_search_path' AS rule, r.name, format('ALTER ROUTINE %s SET search_path = pg_catalog, pg_temp', r.name)
FROM routines r
WHERE NOT r.definer AND NOT r.parsed AND r.language IN ('sql', 'plpgsql')
    AND r.name <> 'tenancy.set_tenant_context(uuid,uuid,bigint)'
    AND NOT coalesce(r.config && ARRAY['search_path=""', 'search_path=pg_catalog, pg_temp'], false)

UNION ALL
SELECT 'definer_public' AS rule, r.name, format('REVOKE EXECUTE ON ROUTINE %s FROM PUBLIC', r.name)
FROM routines r
WHERE r.definer
    AND EXISTS (SELECT FROM aclexplode(coalesce(r.acl, acldefault('f', r.owner))) a WHERE a.grantee = 0)

UNION ALL
SELECT 'routine_owner' AS rule, r.name, format('ALTER ROUTINE %s OWNER TO rowhouse_owner', r.name)
FROM routines r
WHERE NOT r.definer AND pg_get_userbyid(r.owner) NOT IN ('rowhouse_owner', 'rowhouse_definer')

UNION ALL
SELECT 'immutable_reads_tenant' AS rule, r.name, format('ALTER ROUTINE %s STABLE', r.name)
FROM routines r
WHERE r.volatility = 'i' AND r.name <> 'tenancy.current_tenant()' AND r.body ~* 'app\.tenant_id|current_tenant'

UNION ALL
SELECT 'leakproof_routine' AS rule, r.name, format('ALTER ROUTINE %s NOT LEAKPROOF', r.name)
FROM routines r
WHERE r.leakproof

UNION ALL
SELECT 'current_tenant' AS rule, r.name,
    'CREATE OR REPLACE FUNCTION tenancy.current_tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE '
    'RETURN nullif(pg_catalog.current_setting(''app.tenant_id'', true), '''')::uuid'
FROM routines r
WHERE r.name = 'tenancy.current_tenant()'
    AND NOT (
        r.language = 'sql' AND r.volatility = 's' AND NOT r.definer AND r.config IS NULL
        AND r.body = 'RETURN (NULLIF(current_setting(''app.tenant_id''::text, true), ''''::text))::uuid'
    )

UNION ALL
SELECT 'set_tenant_context' AS rule, r.name,
    'define it as the migrations do: LANGUAGE plpgsql VOLATILE, not SECURITY DEFINER, SET search_path = pg_catalog, pg_temp '
    'and nothing else, with the same body'
FROM routines r
WHERE r.name = 'tenancy.set_tenant_context(uuid,uuid,bigint)'
    AND NOT (
        r.language = 'plpgsql' AND r.volatility = 'v' AND NOT r.definer
        AND r.config IS NOT DISTINCT FROM ARRAY['search_path=pg_catalog, pg_temp']
        -- A test compares this with the migrations.
        AND md5(r.body) = '90af8e08830ea8a582154ca42c2a8b48'
    )

UNION ALL
SELECT 'kernel_closed' AS rule, s.name,
    s.if_service || format('GRANT EXECUTE ON FUNCTION %s TO %s', r.name, s.name) || s.if_administrator
FROM service_roles s
JOIN routines r ON r.name IN ('tenancy.current_tenant()', 'tenancy.set_tenant_context(uuid,uuid,bigint)')
WHERE NOT has_function_privilege(s.oid, r.oid, 'EXECUTE')
