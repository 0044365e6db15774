-- Settings that sessions start with. Of several, the one with the highest precedence applies.
, presets AS (
    SELECT s.setrole AS role, s.setdatabase AS database, lower(split_part(c.entry, '=', 1)) AS name,
        substr(c.entry, strpos(c.entry, '=') + 1) AS value,
        (s.setrole <> 0)::integer * 2 + (s.setdatabase <> 0)::integer AS precedence,
        CASE
            WHEN s.setrole <> 0 THEN quote_ident(pg_get_userbyid(s.setrole))
            WHEN s.setdatabase <> 0 THEN quote_ident(current_database())
            ELSE 'ALL'
        END AS holder,
        CASE
            WHEN s.setrole = 0 AND s.setdatabase <> 0 THEN format('ALTER DATABASE %I', current_database())
            ELSE format(
                'ALTER ROLE %s%s',
                CASE s.setrole WHEN 0 THEN 'ALL' ELSE quote_ident(pg_get_userbyid(s.setrole)) END,
                CASE WHEN s.setdatabase <> 0 THEN format(' IN DATABASE %I', current_database()) ELSE '' END)
        END AS alter_holder
    FROM pg_catalog.pg_db_role_setting s
    CROSS JOIN LATERAL unnest(s.setconfig) AS c (entry)
    WHERE s.setdatabase IN (0, (SELECT b.oid FROM pg_catalog.pg_database b WHERE b.datname = current_database()))
        AND (s.setrole = 0 OR s.setrole IN (SELECT r.oid FROM service_roles r))
),
-- Settings that routines apply while they run.
all_presets AS (
    SELECT p.name, p.value, p.holder, p.alter_holder FROM presets p
    UNION ALL
    SELECT lower(split_part(c.entry, '=', 1)), substr(c.entry, strpos(c.entry, '=') + 1), r.name,
        'ALTER ROUTINE ' || r.name
    FROM routines r CROSS JOIN LATERAL unnest(r.config) AS c (entry)
)
SELECT 'timeout_missing' AS rule, r.name AS object,
    r.if_service || format('ALTER ROLE %s%s SET %s = %L', r.name,
        CASE WHEN d.database <> 0 THEN format(' IN DATABASE %I', current_database()) ELSE '' END, t.name, t.value)
        || r.if_administrator AS remedy
FROM service_roles r
CROSS JOIN (VALUES
    ('statement_timeout', '30s'),
    ('idle_in_transaction_session_timeout', '30s'),
    ('lock_timeout', '10s')
) AS t (name, value)
LEFT JOIN LATERAL (
    SELECT p.value, p.database FROM presets p
    WHERE p.name = t.name AND p.role IN (0, r.oid)
    ORDER BY p.precedence DESC
    LIMIT 1
) d ON true
WHERE coalesce(d.value, '0') ~ '^\s*[+-]?[0.]+\s*[a-z]*\s*$'

UNION ALL
SELECT 'row_security_off' AS rule, p.holder, p.alter_holder || ' RESET row_security'
FROM all_presets p
WHERE p.name = 'row_security' AND NOT p.value::boolean

UNION ALL
SELECT 'tenant_preset' AS rule, p.holder, p.alter_holder || ' RESET app.tenant_id'
FROM all_presets p
WHERE p.name = 'app.tenant_id'

UNION ALL
SELECT 'replication_role_preset' AS rule, p.holder, p.alter_holder || ' RESET session_replication_role'
FROM all_presets p
WHERE p.name = 'session_replication_role'

UNION ALL
SELECT 'parameter_privilege' AS rule, p.parname,
    format('REVOKE %s ON PARAMETER %s FROM %s', a.privilege_type, p.parname,
        CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END)
FROM pg_catalog.pg_parameter_acl p
CROSS JOIN LATERAL aclexplode(p.paracl) a
WHERE a.grantee = 0 OR a.grantee IN (SELECT r.oid FROM service_roles r)
