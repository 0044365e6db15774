-- The common table expressions that the rules query. $1 is the schema of one service; null means the whole database, for
-- which the result is the same for every role: no rule reads current_user or session_user.
--
-- Names are quoted as SQL identifiers. Objects of extensions are left out.
WITH RECURSIVE extension_members AS (
    SELECT d.classid, d.objid FROM pg_catalog.pg_depend d WHERE d.deptype = 'e'
),
schemas AS (
    SELECT n.oid, quote_ident(n.nspname) AS name, n.nspowner AS owner, n.nspacl AS acl,
        $1::text IS NULL OR n.nspname IN ($1::text, 'tenancy', 'jobs') AS audited
    FROM pg_catalog.pg_namespace n
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
        AND NOT EXISTS (
            SELECT FROM extension_members e
            WHERE e.classid = 'pg_catalog.pg_namespace'::regclass AND e.objid = n.oid
        )
),
relations AS (
    SELECT c.oid, c.oid::regclass::text AS name, c.relname, c.relkind AS kind, c.relowner AS owner,
        c.relacl AS acl, c.reloptions AS options, c.relrowsecurity AS row_security,
        c.relforcerowsecurity AS row_security_forced, s.oid AS schema, s.audited,
        EXISTS (
            SELECT FROM pg_catalog.pg_attribute a
            WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
        ) AS has_tenant_id
    FROM pg_catalog.pg_class c JOIN schemas s ON s.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
        AND NOT EXISTS (
            SELECT FROM extension_members e
            WHERE e.classid = 'pg_catalog.pg_class'::regclass AND e.objid = c.oid
        )
),
-- key is the column that holds the tenant. A bare table has a tenant_id, but neither row-level security nor a policy.
tables AS (
    SELECT r.*,
        CASE r.class WHEN 'directory' THEN 'id' WHEN 'tenant' THEN 'tenant_id' END AS key,
        r.class = 'tenant' AND NOT r.row_security
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_policy p WHERE p.polrelid = r.oid) AS bare
    FROM (
        SELECT r.*,
            CASE
                WHEN r.name = 'tenancy.tenants' THEN 'directory'
                WHEN EXISTS (SELECT FROM tenancy.global_tables g WHERE g.table_name = r.name) THEN 'global'
                WHEN r.has_tenant_id THEN 'tenant'
                -- diesel records the applied migrations here.
                WHEN r.relname = '__diesel_schema_migrations' THEN 'global'
                ELSE 'undeclared'
            END AS class
        FROM relations r
        WHERE r.kind IN ('r', 'p')
    ) r
),
tenant_schemas AS (
    SELECT s.* FROM schemas s
    WHERE s.audited AND EXISTS (SELECT FROM tables t WHERE t.schema = s.oid AND t.key IS NOT NULL)
),
kernel_roles AS (
    SELECT r.*, quote_ident(r.rolname) AS name FROM pg_catalog.pg_roles r
    WHERE r.rolname IN ('rowhouse_owner', 'rowhouse_definer', 'rowhouse_administrators')
),
memberships AS (
    SELECT m.*,
        -- The member is not an administrator so far. ADMIN OPTION and CREATEROLE are typical of administrators, so
        -- a person has to decide whether to revoke the membership.
        CASE WHEN m.member_administers
            THEN format('if %s is an administrator, GRANT rowhouse_administrators TO %s; if not, %s',
                m.member_name, m.member_name, m.revoke)
            ELSE format('%s, or GRANT rowhouse_administrators TO %s if it is an administrator',
                m.revoke, m.member_name)
        END AS remedy
    FROM (
        SELECT m.roleid, m.member, g.rolname AS group_rolname, quote_ident(r.rolname) AS member_name,
            r.rolsuper AS member_superuser, r.rolcreaterole OR m.admin_option AS member_administers,
            -- PostgreSQL 16 and later distinguish membership from ADMIN OPTION, which CREATEROLE implies.
            coalesce((f.fields ->> 'inherit_option')::boolean, true)
                OR coalesce((f.fields ->> 'set_option')::boolean, true) AS usable,
            -- They also require the grantor's name to revoke a membership. 10 is the bootstrap superuser, on whose behalf every
            -- superuser grants.
            format('REVOKE %I FROM %I%s', g.rolname, r.rolname,
                CASE WHEN f.fields ? 'inherit_option' AND m.grantor <> 10
                    THEN format(' GRANTED BY %I', pg_get_userbyid(m.grantor)) ELSE '' END) AS revoke
        FROM pg_catalog.pg_auth_members m
        CROSS JOIN LATERAL (SELECT to_jsonb(m) AS fields) f
        JOIN pg_catalog.pg_roles g ON g.oid = m.roleid
        JOIN pg_catalog.pg_roles r ON r.oid = m.member
    ) m
),
-- The group role that `rowhouse migrate` creates and adds its administrator to, with its direct and indirect members. Only
-- an administrator or a superuser can add a role to it, so membership is deliberate.
administrators AS (
    SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = 'rowhouse_administrators'
    UNION
    SELECT m.member FROM administrators a JOIN memberships m ON m.roleid = a.oid AND m.usable
),
-- Roles that were granted a schema with a tenant table by name, as services are.
schema_grants AS (
    SELECT a.grantee AS oid, s.name AS schema, a.privilege_type AS privilege
    FROM tenant_schemas s CROSS JOIN LATERAL aclexplode(s.acl) a
    WHERE a.grantee <> s.owner
),
-- The connected role, or all roles that can log in, are not administrators, and have the name or the grants of a
-- service. A role named after a schema is always a service. Any other role with CREATEROLE or SUPERUSER
-- may be a service, or an administrator who is not in the group: a remedy that would take an
-- administrator's privileges begins with "if".
service_roles AS (
    SELECT r.*, quote_ident(r.rolname) AS name,
        CASE WHEN r.doubtful THEN format('if %I is a service, ', r.rolname) ELSE '' END AS if_service,
        CASE WHEN r.doubtful
            THEN format('; if it is an administrator, GRANT rowhouse_administrators TO %I', r.rolname)
            ELSE '' END AS if_administrator
    FROM (
        SELECT r.*, NOT n.named AND (r.rolcreaterole OR r.rolsuper) AS doubtful
        FROM pg_catalog.pg_roles r
        CROSS JOIN LATERAL (
            SELECT EXISTS (SELECT FROM schemas s WHERE 'rowhouse_' || s.name = r.rolname) AS named
        ) n
        WHERE CASE
            WHEN $1::text IS NOT NULL THEN r.rolname = current_user
            WHEN NOT r.rolcanlogin OR r.oid IN (SELECT k.oid FROM kernel_roles k) THEN false
            WHEN n.named THEN true
            WHEN r.oid IN (SELECT a.oid FROM administrators a) THEN false
            ELSE r.rolname ~ '^rowhouse_' OR NOT r.rolsuper AND r.oid IN (SELECT g.oid FROM schema_grants g)
        END
    ) r
),
routines AS (
    SELECT p.oid, p.oid::regprocedure::text AS name, p.proowner AS owner, p.proacl AS acl, p.prosecdef AS definer,
        p.provolatile AS volatility, p.proleakproof AS leakproof, p.proconfig AS config,
        concat(p.prosrc, pg_get_function_sqlbody(p.oid)) AS body, p.prosqlbody IS NOT NULL AS parsed,
        l.lanname AS language
    FROM pg_catalog.pg_proc p
    JOIN schemas s ON s.oid = p.pronamespace AND s.audited
    JOIN pg_catalog.pg_language l ON l.oid = p.prolang
    WHERE NOT EXISTS (
        SELECT FROM extension_members e
        WHERE e.classid = 'pg_catalog.pg_proc'::regclass AND e.objid = p.oid
    )
),
-- Privileges on relations and columns, held by roles other than the owner.
grants AS (
    SELECT r.oid, r.name, r.kind, r.audited, p.columns, a.grantee, a.privilege_type AS privilege, a.is_grantable,
        CASE r.kind WHEN 'S' THEN 'SEQUENCE ' ELSE '' END || r.name AS target,
        CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS holder
    FROM relations r
    CROSS JOIN LATERAL (
        SELECT '' AS columns, r.acl
        UNION ALL
        SELECT format(' (%I)', c.attname), c.attacl
        FROM pg_catalog.pg_attribute c
        WHERE c.attrelid = r.oid AND NOT c.attisdropped
    ) p
    CROSS JOIN LATERAL aclexplode(p.acl) a
    WHERE a.grantee <> r.owner
        AND a.grantee NOT IN (SELECT k.oid FROM kernel_roles k WHERE k.rolname = 'rowhouse_owner')
)
