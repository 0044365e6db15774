SELECT 'view_as_owner' AS rule, r.name AS object,
    format('ALTER VIEW %s SET (security_invoker = true)', r.name) AS remedy
FROM relations r
WHERE r.audited AND r.kind = 'v'
    AND NOT EXISTS (
        SELECT FROM pg_options_to_table(r.options) o
        WHERE o.option_name = 'security_invoker' AND o.option_value::boolean
    )

UNION ALL
SELECT 'materialized_view' AS rule, r.name, format('DROP MATERIALIZED VIEW %s', r.name)
FROM relations r
WHERE r.audited AND r.kind = 'm'

UNION ALL
SELECT 'foreign_table' AS rule, r.name, format('DROP FOREIGN TABLE %s', r.name)
FROM relations r
WHERE r.audited AND r.kind = 'f'

UNION ALL
SELECT 'sequence_across_tenants' AS rule, format('%s.%I', t.name, a.attname),
    format('ALTER TABLE %s ALTER COLUMN %I DROP %s', t.name, a.attname,
        CASE a.attidentity WHEN '' THEN 'DEFAULT' ELSE 'IDENTITY' END)
FROM tables t
JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE t.audited AND t.class = 'tenant' AND (
    a.attidentity <> ''
    OR EXISTS (
        SELECT FROM pg_catalog.pg_attrdef d
        JOIN pg_catalog.pg_depend u ON u.classid = 'pg_catalog.pg_attrdef'::regclass AND u.objid = d.oid
            AND u.refclassid = 'pg_catalog.pg_class'::regclass
        JOIN pg_catalog.pg_class s ON s.oid = u.refobjid AND s.relkind = 'S'
        WHERE d.adrelid = t.oid AND d.adnum = a.attnum
    )
)

UNION ALL
SELECT 'rewrite_rule' AS rule, format('%s.%I', r.name, w.rulename), format('DROP RULE %I ON %s', w.rulename, r.name)
FROM relations r JOIN pg_catalog.pg_rewrite w ON w.ev_class = r.oid
WHERE r.audited AND w.rulename <> '_RETURN'
