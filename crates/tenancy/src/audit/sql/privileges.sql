-- Privileges on objects other than relations, held by roles other than the owner.
, object_grants AS (
    SELECT o.kind, o.name, o.audited, a.grantee, a.privilege_type AS privilege, a.is_grantable,
        CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS holder
    FROM (
        SELECT 'SCHEMA' AS kind, s.name, s.audited, s.owner, coalesce(s.acl, acldefault('n', s.owner)) AS acl
        FROM schemas s
        UNION ALL
        SELECT 'ROUTINE', r.name, true, r.owner, coalesce(r.acl, acldefault('f', r.owner))
        FROM routines r
        UNION ALL
        SELECT 'DATABASE', quote_ident(d.datname), true, d.datdba, coalesce(d.datacl, acldefault('d', d.datdba))
        FROM pg_catalog.pg_database d
        WHERE d.datname = current_database()
    ) o
    CROSS JOIN LATERAL aclexplode(o.acl) a
    WHERE a.grantee <> o.owner
        AND a.grantee NOT IN (SELECT k.oid FROM kernel_roles k WHERE k.rolname = 'rowhouse_owner')
),
restrained AS (
    SELECT 0::oid AS oid
    UNION ALL
    SELECT r.oid FROM service_roles r
    UNION ALL
    SELECT k.oid FROM kernel_roles k WHERE k.rolname = 'rowhouse_definer'
)
SELECT 'table_privilege' AS rule, g.name AS object,
    format('REVOKE %s%s ON %s FROM %s', g.privilege, g.columns, g.target, g.holder) AS remedy
FROM grants g
WHERE g.audited AND g.kind <> 'S' AND g.privilege NOT IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')

UNION ALL
SELECT 'public_privilege' AS rule, g.name,
    format('REVOKE %s%s ON %s FROM PUBLIC', g.privilege, g.columns, g.target)
FROM grants g
WHERE g.audited AND g.grantee = 0
    AND (g.kind = 'S' OR g.privilege IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE'))

UNION ALL
SELECT 'public_privilege' AS rule, g.name, format('REVOKE %s ON %s %s FROM PUBLIC', g.privilege, g.kind, g.name)
FROM object_grants g
WHERE g.audited AND g.grantee = 0
    -- CREATE and SECURITY DEFINER have rules of their own.
    AND (
        g.kind = 'SCHEMA' AND g.privilege = 'USAGE'
        OR g.kind = 'ROUTINE' AND NOT EXISTS (SELECT FROM routines r WHERE r.name = g.name AND r.definer)
    )

UNION ALL
SELECT 'foreign_schema_privilege' AS rule, g.name,
    format('REVOKE %s%s ON %s FROM %s', g.privilege, g.columns, g.target, g.holder)
FROM grants g
JOIN service_roles r ON r.oid = g.grantee
JOIN relations t ON t.oid = g.oid
JOIN schemas s ON s.oid = t.schema
WHERE s.name NOT IN ('tenancy', 'jobs') AND r.rolname ~ '^rowhouse_' AND s.name <> substr(r.rolname, 10)

UNION ALL
SELECT 'foreign_schema_privilege' AS rule, g.name, format('REVOKE %s ON SCHEMA %s FROM %s', g.privilege, g.name, g.holder)
FROM object_grants g
JOIN service_roles r ON r.oid = g.grantee
WHERE g.kind = 'SCHEMA' AND g.privilege = 'USAGE' AND g.name NOT IN ('tenancy', 'jobs')
    AND r.rolname ~ '^rowhouse_' AND g.name <> substr(r.rolname, 10)

UNION ALL
SELECT 'queue_privilege' AS rule, g.name,
    format('REVOKE %s%s ON %s FROM %s', g.privilege, g.columns, g.target, g.holder)
FROM grants g
JOIN service_roles r ON r.oid = g.grantee
WHERE g.name = 'jobs.jobs' AND (
    g.privilege = 'DELETE'
    OR (g.privilege = 'INSERT' AND g.columns IN ('', ' (queue)'))
    OR (g.privilege = 'UPDATE'
        AND g.columns IN ('', ' (tenant_id)', ' (id)', ' (queue)', ' (kind)', ' (payload)', ' (unique_key)'))
)

UNION ALL
SELECT 'global_job_exposed' AS rule, g.name,
    format('REVOKE %s%s ON %s FROM %s', g.privilege, g.columns, g.target, g.holder)
FROM grants g
WHERE g.name IN ('jobs.global_jobs', 'jobs.global_kinds')
    AND g.grantee NOT IN (0, (SELECT k.oid FROM kernel_roles k WHERE k.rolname = 'rowhouse_definer'))

UNION ALL
SELECT 'global_job_undeclared' AS rule, c.name, format(
    'ALTER TABLE %s ADD CONSTRAINT global_jobs_queue_kind_fkey FOREIGN KEY (queue, kind) REFERENCES jobs.global_kinds', c.name)
FROM tables c
WHERE c.name = 'jobs.global_jobs' AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_constraint k
    WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.convalidated
        AND pg_get_constraintdef(k.oid) = 'FOREIGN KEY (queue, kind) REFERENCES jobs.global_kinds(queue, kind)'
)

UNION ALL
SELECT 'kernel_write' AS rule, g.name,
    format('REVOKE %s%s ON %s FROM %s', g.privilege, g.columns, g.target, g.holder)
FROM grants g
JOIN service_roles r ON r.oid = g.grantee
WHERE g.name ~ '^tenancy\.' AND g.privilege IN ('INSERT', 'UPDATE', 'DELETE')
    -- The lists that the audit relies on have a rule of their own.
    AND g.name NOT IN ('tenancy.global_tables', 'tenancy.definer_functions')
    AND (g.name, r.rolname) NOT IN (
        ('tenancy.tenants', 'rowhouse_onboarding'), ('tenancy.token_revocations', 'rowhouse_auth')
    )

UNION ALL
SELECT 'create_privilege' AS rule, g.name, format('REVOKE CREATE ON %s %s FROM %s', g.kind, g.name, g.holder)
FROM object_grants g
WHERE g.privilege = 'CREATE' AND g.grantee IN (SELECT r.oid FROM restrained r)

UNION ALL
SELECT 'temporary_privilege' AS rule, g.name, format('REVOKE TEMPORARY ON DATABASE %s FROM %s', g.name, g.holder)
FROM object_grants g
WHERE g.privilege = 'TEMPORARY' AND g.grantee IN (SELECT r.oid FROM restrained r)

UNION ALL
SELECT 'grant_option' AS rule, g.name,
    format('REVOKE GRANT OPTION FOR %s%s ON %s FROM %s', g.privilege, g.columns, g.target, g.holder)
FROM grants g
WHERE g.audited AND g.is_grantable

UNION ALL
SELECT 'grant_option' AS rule, g.name,
    format('REVOKE GRANT OPTION FOR %s ON %s %s FROM %s', g.privilege, g.kind, g.name, g.holder)
FROM object_grants g
WHERE g.audited AND g.is_grantable AND g.grantee IN (SELECT r.oid FROM restrained r)

UNION ALL
SELECT 'default_privileges' AS rule, k.name,
    format('ALTER DEFAULT PRIVILEGES FOR ROLE %s REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC', k.name)
FROM kernel_roles k
WHERE k.rolname = 'rowhouse_owner'
    AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_default_acl d
        WHERE d.defaclrole = k.oid AND d.defaclnamespace = 0 AND d.defaclobjtype = 'f'
            AND NOT EXISTS (SELECT FROM aclexplode(d.defaclacl) a WHERE a.grantee = 0)
    )

UNION ALL
SELECT 'default_privileges' AS rule, k.name,
    format('ALTER DEFAULT PRIVILEGES FOR ROLE %s%s REVOKE %s ON %s FROM PUBLIC', k.name,
        CASE d.defaclnamespace WHEN 0 THEN '' ELSE ' IN SCHEMA ' || d.defaclnamespace::regnamespace END,
        a.privilege_type, t.kinds)
FROM kernel_roles k
JOIN pg_catalog.pg_default_acl d ON d.defaclrole = k.oid
JOIN (VALUES ('r', 'TABLES'), ('S', 'SEQUENCES'), ('f', 'FUNCTIONS'), ('n', 'SCHEMAS')) AS t (objtype, kinds)
    ON t.objtype = d.defaclobjtype
CROSS JOIN LATERAL aclexplode(d.defaclacl) a
-- Default privileges on functions in all schemas are covered by the rule above.
WHERE a.grantee = 0 AND NOT (d.defaclobjtype = 'f' AND d.defaclnamespace = 0)
