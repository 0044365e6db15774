, memberships AS (
    SELECT m.roleid, m.member, quote_ident(g.rolname) AS group_name, quote_ident(r.rolname) AS member_name,
        r.rolsuper AS member_superuser,
        -- PostgreSQL 16 and later tell membership from the right to give it away, which CREATEROLE brings.
        coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, true)
            OR coalesce((to_jsonb(m) ->> 'set_option')::boolean, true) AS usable
    FROM pg_catalog.pg_auth_members m
    JOIN pg_catalog.pg_roles g ON g.oid = m.roleid
    JOIN pg_catalog.pg_roles r ON r.oid = m.member
)
SELECT 'role_superuser' AS rule, r.name AS object, format('ALTER ROLE %s NOSUPERUSER', r.name) AS mend
FROM service_roles r
WHERE r.rolsuper

UNION ALL
SELECT 'role_creates_roles' AS rule, r.name, format('ALTER ROLE %s NOCREATEROLE', r.name)
FROM service_roles r
WHERE r.rolcreaterole

UNION ALL
SELECT 'role_creates_databases' AS rule, r.name, format('ALTER ROLE %s NOCREATEDB', r.name)
FROM service_roles r
WHERE r.rolcreatedb

UNION ALL
SELECT 'role_replicates' AS rule, r.name, format('ALTER ROLE %s NOREPLICATION', r.name)
FROM service_roles r
WHERE r.rolreplication

UNION ALL
SELECT 'role_bypasses_rls' AS rule, quote_ident(r.rolname), format('ALTER ROLE %I NOBYPASSRLS', r.rolname)
FROM pg_catalog.pg_roles r
WHERE r.rolbypassrls AND (
    r.oid IN (SELECT s.oid FROM service_roles s)
    OR NOT r.rolsuper
        AND EXISTS (SELECT FROM walled_schemas s WHERE has_schema_privilege(r.oid, s.oid, 'USAGE'))
)

UNION ALL
SELECT 'role_is_member' AS rule, m.member_name, format('REVOKE %s FROM %s', m.group_name, m.member_name)
FROM memberships m JOIN service_roles r ON r.oid = m.member

UNION ALL
SELECT 'role_owns' AS rule, o.identity,
    format('ALTER %s %s OWNER TO rowhouse_owner', upper(o.type), o.identity)
FROM pg_catalog.pg_shdepend d
JOIN service_roles r ON r.oid = d.refobjid
CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) o
-- Default privileges belong to their role as well, and open nothing while the role can create nothing.
WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass AND d.deptype = 'o'
    AND d.classid <> 'pg_catalog.pg_default_acl'::regclass
    AND d.dbid IN (0, (SELECT b.oid FROM pg_catalog.pg_database b WHERE b.datname = current_database()))

UNION ALL
SELECT 'definer_has_member' AS rule, m.member_name, format('REVOKE rowhouse_definer FROM %s', m.member_name)
FROM memberships m JOIN kernel_roles k ON k.oid = m.roleid AND k.rolname = 'rowhouse_definer'
WHERE m.usable AND NOT m.member_superuser AND m.member_name <> 'rowhouse_owner'
    AND m.member NOT IN (SELECT r.oid FROM service_roles r)

UNION ALL
SELECT 'kernel_role_logs_in' AS rule, k.name, format('ALTER ROLE %s NOLOGIN', k.name)
FROM kernel_roles k
WHERE k.rolcanlogin

UNION ALL
SELECT 'kernel_role_superuser' AS rule, k.name, format('ALTER ROLE %s NOSUPERUSER', k.name)
FROM kernel_roles k
WHERE k.rolsuper
