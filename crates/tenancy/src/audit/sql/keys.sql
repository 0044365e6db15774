, tenant_columns AS (
    SELECT t.oid, t.name, a.attnum
    FROM tables t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attname = 'tenant_id'
    WHERE t.class = 'tenant'
),
-- Indexes of tenant tables that begin with another column. The indexes of a partition belong to its parent.
misled_indexes AS (
    SELECT i.indexrelid::regclass::text AS name, i.indisunique OR i.indisexclusion AS is_unique,
        CASE
            WHEN c.oid IS NULL THEN format('DROP INDEX %s; %s', i.indexrelid::regclass,
                regexp_replace(pg_get_indexdef(i.indexrelid), ' USING (\w+) \(', ' USING \1 (tenant_id, '))
            ELSE format('ALTER TABLE %s DROP CONSTRAINT %I, ADD CONSTRAINT %I %s', t.name, c.conname, c.conname,
                regexp_replace(pg_get_constraintdef(c.oid), '\(',
                    CASE c.contype WHEN 'x' THEN '(tenant_id WITH =, ' ELSE '(tenant_id, ' END))
        END AS remedy
    FROM pg_catalog.pg_index i
    JOIN tables t ON t.oid = i.indrelid AND t.audited
    JOIN tenant_columns k ON k.oid = i.indrelid
    JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid AND NOT x.relispartition
    LEFT JOIN pg_catalog.pg_constraint c
        ON c.conindid = i.indexrelid AND c.conrelid = i.indrelid AND c.contype IN ('u', 'x')
    WHERE NOT i.indisprimary AND i.indkey[0] <> k.attnum
),
foreign_keys AS (
    SELECT c.oid, quote_ident(c.conname) AS conname, c.conkey, c.confkey, c.convalidated AS validated,
        f.oid AS from_table, f.name AS from_name, f.class AS from_class,
        t.oid AS to_table, t.name AS to_name, t.class AS to_class, f.audited OR t.audited AS audited,
        -- PostgreSQL 18 introduced NOT ENFORCED.
        coalesce((to_jsonb(c) ->> 'conenforced')::boolean, true) AS enforced,
        c.conparentid <> 0 AS inherited
    FROM pg_catalog.pg_constraint c
    JOIN tables f ON f.oid = c.conrelid
    JOIN tables t ON t.oid = c.confrelid
    WHERE c.contype = 'f'
),
tenant_references AS (
    SELECT f.from_table, f.conname, f.validated
    FROM foreign_keys f JOIN tenant_columns k ON k.oid = f.from_table
    WHERE f.to_class = 'directory' AND f.enforced AND f.conkey = ARRAY[k.attnum]
)
SELECT 'unique_without_tenant' AS rule, i.name AS object, i.remedy
FROM misled_indexes i
WHERE i.is_unique

UNION ALL
SELECT 'index_without_tenant' AS rule, i.name, i.remedy
FROM misled_indexes i
WHERE NOT i.is_unique

UNION ALL
SELECT 'foreign_key_without_tenant' AS rule, f.from_name || '.' || f.conname,
    CASE
        WHEN a.attnum = ANY (f.conkey) OR b.attnum = ANY (f.confkey)
            THEN 'declare it anew with tenant_id in the same place on both sides'
        ELSE format('ALTER TABLE %s DROP CONSTRAINT %s, ADD CONSTRAINT %s %s', f.from_name, f.conname, f.conname,
            regexp_replace(pg_get_constraintdef(f.oid), '\((.*?)\) REFERENCES (.*?)\((.*?)\)',
                '(tenant_id, \1) REFERENCES \2(tenant_id, \3)'))
    END
FROM foreign_keys f
JOIN tenant_columns a ON a.oid = f.from_table
JOIN tenant_columns b ON b.oid = f.to_table
WHERE f.audited AND NOT f.inherited
    AND NOT EXISTS (
        SELECT FROM unnest(f.conkey, f.confkey) AS pair (from_column, to_column)
        WHERE pair.from_column = a.attnum AND pair.to_column = b.attnum
    )

UNION ALL
SELECT 'foreign_key_from_global' AS rule, f.from_name || '.' || f.conname,
    format('ALTER TABLE %s DROP CONSTRAINT %s', f.from_name, f.conname)
FROM foreign_keys f
WHERE f.audited AND NOT f.inherited AND f.from_class <> 'tenant' AND f.to_class = 'tenant'

UNION ALL
SELECT 'tenant_reference_missing' AS rule, t.name,
    format('ALTER TABLE %s ADD FOREIGN KEY (tenant_id) REFERENCES tenancy.tenants (id)', t.name)
FROM tables t
WHERE t.audited AND t.class = 'tenant' AND NOT t.bare
    AND NOT EXISTS (SELECT FROM tenant_references r WHERE r.from_table = t.oid)

UNION ALL
SELECT 'tenant_reference_unvalidated' AS rule, t.name,
    min(format('ALTER TABLE %s VALIDATE CONSTRAINT %s', t.name, r.conname))
FROM tables t JOIN tenant_references r ON r.from_table = t.oid
WHERE t.audited
GROUP BY t.name
HAVING NOT bool_or(r.validated)

UNION ALL
SELECT DISTINCT 'foreign_key_disabled' AS rule, t.name, format('ALTER TABLE %s ENABLE TRIGGER ALL', t.name)
FROM tables t JOIN pg_catalog.pg_trigger g ON g.tgrelid = t.oid
WHERE t.audited AND g.tgisinternal AND g.tgenabled IN ('D', 'R')
