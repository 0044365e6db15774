SELECT 'role_superuser' AS rule, r.name AS object,
    r.if_service || format('ALTER ROLE %s NOSUPERUSER', r.name) || r.if_administrator AS remedy
FROM service_roles r
WHERE r.rolsuper

UNION ALL
SELECT 'role_creates_roles' AS rule, r.name,
    r.if_service || format('ALTER ROLE %s NOCREATEROLE', r.name) || r.if_administrator
FROM service_roles r
WHERE r.rolcreaterole

UNION ALL
SELECT 'role_creates_databases' AS rule, r.name,
    r.if_service || format('ALTER ROLE %s NOCREATEDB', r.name) || r.if_administrator
FROM service_roles r
WHERE r.rolcreatedb

UNION ALL
SELECT 'role_replicates' AS rule, r.name,
    r.if_service || format('ALTER ROLE %s NOREPLICATION', r.name) || r.if_administrator
FROM service_roles r
WHERE r.rolreplication

UNION ALL
SELECT 'role_bypasses_rls' AS rule, r.name,
    r.if_service || format('ALTER ROLE %s NOBYPASSRLS', r.name) || r.if_administrator
FROM service_roles r
WHERE r.rolbypassrls

UNION ALL
SELECT 'role_bypasses_rls' AS rule, quote_ident(r.rolname),
    CASE WHEN r.rolcreaterole
        THEN format('if %I is an administrator, GRANT rowhouse_administrators TO %I; if not, ALTER ROLE %I NOBYPASSRLS',
            r.rolname, r.rolname, r.rolname)
        ELSE format('ALTER ROLE %I NOBYPASSRLS', r.rolname)
    END
FROM pg_catalog.pg_roles r
WHERE r.rolbypassrls AND NOT r.rolsuper
    AND r.oid NOT IN (SELECT s.oid FROM service_roles s UNION ALL SELECT a.oid FROM administrators a)
    AND EXISTS (SELECT FROM tenant_schemas s WHERE has_schema_privilege(r.oid, s.oid, 'USAGE'))

UNION ALL
SELECT 'role_is_member' AS rule, m.member_name, r.if_service || m.revoke || r.if_administrator
FROM memberships m JOIN service_roles r ON r.oid = m.member

UNION ALL
SELECT 'role_owns' AS rule, o.identity,
    r.if_service || format('ALTER %s %s OWNER TO rowhouse_owner', upper(o.type), o.identity) || r.if_administrator
FROM pg_catalog.pg_shdepend d
JOIN service_roles r ON r.oid = d.refobjid
CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) o
-- Default privileges also depend on their role. They grant nothing while the role cannot create objects.
WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass AND d.deptype = 'o'
    AND d.classid <> 'pg_catalog.pg_default_acl'::regclass
    AND d.dbid IN (0, (SELECT b.oid FROM pg_catalog.pg_database b WHERE b.datname = current_database()))

-- A member can do what the role can, directly or after SET ROLE, which needs no INHERIT.
UNION ALL
SELECT 'role_has_member' AS rule, m.member_name, m.remedy
FROM memberships m
WHERE $1::text IS NULL AND m.usable AND NOT m.member_superuser AND m.group_rolname <> 'rowhouse_definer'
    AND (m.group_rolname = 'rowhouse_owner'
        OR m.roleid IN (SELECT r.oid FROM service_roles r UNION ALL SELECT g.oid FROM schema_grants g))
    AND m.member NOT IN (SELECT r.oid FROM service_roles r UNION ALL SELECT a.oid FROM administrators a)

UNION ALL
SELECT 'definer_has_member' AS rule, m.member_name, m.remedy
FROM memberships m
WHERE m.group_rolname = 'rowhouse_definer' AND m.usable AND NOT m.member_superuser
    AND m.member_name <> 'rowhouse_owner'
    AND m.member NOT IN (SELECT r.oid FROM service_roles r UNION ALL SELECT a.oid FROM administrators a)

UNION ALL
SELECT 'administrator_privilege' AS rule, quote_ident(r.rolname),
    format('REVOKE %s ON SCHEMA %s FROM %I, or %s if it is a service', g.privilege, g.schema, r.rolname,
        CASE WHEN r.rolsuper THEN format('ALTER ROLE %I NOSUPERUSER', r.rolname)
            ELSE 'take it out of rowhouse_administrators' END)
FROM schema_grants g JOIN pg_catalog.pg_roles r ON r.oid = g.oid AND r.rolcanlogin
WHERE $1::text IS NULL
    AND r.oid NOT IN (SELECT s.oid FROM service_roles s UNION ALL SELECT k.oid FROM kernel_roles k)

UNION ALL
SELECT 'kernel_role_logs_in' AS rule, k.name, format('ALTER ROLE %s NOLOGIN', k.name)
FROM kernel_roles k
WHERE k.rolcanlogin

UNION ALL
SELECT 'kernel_role_superuser' AS rule, k.name, format('ALTER ROLE %s NOSUPERUSER', k.name)
FROM kernel_roles k
WHERE k.rolsuper
