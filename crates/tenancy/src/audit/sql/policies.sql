-- The expression that tenancy.protect writes, as the server prints it, and the form without a sub-select that
-- Citus needs. Of several policies the first one is kept.
, policies AS (
    SELECT t.name, t.key, quote_ident(p.polname) AS policy, p.polpermissive AS permissive, p.polcmd AS command,
        p.polroles AS roles,
        coalesce(pg_get_expr(p.polqual, p.polrelid), '') AS using_text,
        coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '') AS check_text,
        ARRAY[
            format('(%s = ( SELECT tenancy.current_tenant() AS current_tenant))', t.key),
            format('(%s = tenancy.current_tenant())', t.key)
        ] AS expected,
        row_number() OVER (PARTITION BY t.oid ORDER BY p.polname <> 'tenant_isolation', p.polname) AS rank
    FROM tables t JOIN pg_catalog.pg_policy p ON p.polrelid = t.oid
    WHERE t.audited AND t.key IS NOT NULL
),
kept AS (
    SELECT p.*, w.predicate, format('DROP POLICY %s ON %s; CREATE POLICY tenant_isolation ON %s '
        'AS PERMISSIVE FOR ALL TO PUBLIC USING %s WITH CHECK %s',
        p.policy, p.name, p.name, w.predicate, w.predicate) AS anew
    FROM policies p
    CROSS JOIN LATERAL format('(%s = (SELECT tenancy.current_tenant()))', p.key) AS w (predicate)
    WHERE p.rank = 1
)
SELECT 'policy_missing' AS rule, t.name AS object,
    format('CREATE POLICY tenant_isolation ON %s AS PERMISSIVE FOR ALL TO PUBLIC USING %s WITH CHECK %s',
        t.name, w.predicate, w.predicate) AS remedy
FROM tables t CROSS JOIN LATERAL format('(%s = (SELECT tenancy.current_tenant()))', t.key) AS w (predicate)
WHERE t.audited AND t.key IS NOT NULL AND NOT t.bare AND NOT EXISTS (SELECT FROM policies p WHERE p.name = t.name)

UNION ALL
SELECT 'policy_surplus' AS rule, p.name, format('DROP POLICY %s ON %s', p.policy, p.name)
FROM policies p
WHERE p.rank > 1

UNION ALL
SELECT 'policy_restrictive' AS rule, p.name, p.anew
FROM kept p
WHERE NOT p.permissive

UNION ALL
SELECT 'policy_command' AS rule, p.name, p.anew
FROM kept p
WHERE p.permissive AND p.command <> '*'

UNION ALL
SELECT 'policy_roles' AS rule, p.name, format('ALTER POLICY %s ON %s TO PUBLIC', p.policy, p.name)
FROM kept p
WHERE p.roles <> '{0}'

UNION ALL
SELECT 'policy_using' AS rule, p.name, format('ALTER POLICY %s ON %s USING %s', p.policy, p.name, p.predicate)
FROM kept p
WHERE p.command = '*' AND p.using_text <> ALL (p.expected)

UNION ALL
SELECT 'policy_check' AS rule, p.name, format('ALTER POLICY %s ON %s WITH CHECK %s', p.policy, p.name, p.predicate)
FROM kept p
WHERE p.command = '*' AND p.check_text <> ALL (p.expected)
