SELECT 'table_undeclared' AS rule, t.name AS object,
    format('add tenant_id and CALL tenancy.protect(%L), or '
        'INSERT INTO tenancy.global_tables VALUES (%L, ''the reason'')', t.name, t.name) AS remedy
FROM tables t
WHERE t.audited AND t.class = 'undeclared'

UNION ALL
SELECT 'table_unprotected' AS rule, t.name, format('CALL tenancy.protect(%L)', t.name)
FROM tables t
WHERE t.audited AND t.bare

UNION ALL
SELECT 'tenant_id_column' AS rule, t.name,
    format('ALTER TABLE %s ALTER COLUMN tenant_id TYPE uuid USING tenant_id::text::uuid, '
        'ALTER COLUMN tenant_id SET NOT NULL', t.name)
FROM tables t
JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attname = 'tenant_id'
WHERE t.audited AND t.class = 'tenant' AND NOT (a.atttypid = 'uuid'::regtype AND a.attnotnull)

UNION ALL
SELECT 'primary_key' AS rule, t.name,
    format('ALTER TABLE %s %sADD PRIMARY KEY (tenant_id, id)',
        t.name, 'DROP CONSTRAINT ' || quote_ident(c.conname) || ', ')
FROM tables t
LEFT JOIN pg_catalog.pg_constraint c ON c.conrelid = t.oid AND c.contype = 'p'
WHERE t.audited AND t.class = 'tenant'
    AND pg_get_constraintdef(c.oid) IS DISTINCT FROM 'PRIMARY KEY (tenant_id, id)'

UNION ALL
SELECT 'row_security_disabled' AS rule, t.name, format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t.name)
FROM tables t
WHERE t.audited AND t.key IS NOT NULL AND NOT t.bare AND NOT t.row_security

UNION ALL
SELECT 'row_security_not_forced' AS rule, t.name, format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', t.name)
FROM tables t
WHERE t.audited AND t.key IS NOT NULL AND NOT t.bare AND NOT t.row_security_forced

UNION ALL
SELECT 'table_owner' AS rule, r.name,
    format('ALTER %s %s OWNER TO rowhouse_owner',
        CASE r.kind
            WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
            WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE'
        END, r.name)
FROM relations r
WHERE r.audited AND pg_get_userbyid(r.owner) <> 'rowhouse_owner'

UNION ALL
SELECT 'schema_owner' AS rule, s.name, format('ALTER SCHEMA %s OWNER TO rowhouse_owner', s.name)
FROM schemas s
-- The schema public is created with the database and owned by pg_database_owner, whose member is the database's owner.
WHERE s.audited AND pg_get_userbyid(s.owner) NOT IN ('rowhouse_owner', 'pg_database_owner')
