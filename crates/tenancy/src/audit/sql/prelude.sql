-- What the rules look at. $1 is the schema of one service; null stands for the whole database.
--
-- Names are quoted as SQL wants them. What an extension brought along is its own affair.
WITH extension_members AS (
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
-- key is the column that holds the tenant; a bare table has columns but no walls at all.
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
                -- Where diesel writes down which migrations have run.
                WHEN r.relname = '__diesel_schema_migrations' THEN 'global'
                ELSE 'undeclared'
            END AS class
        FROM relations r
        WHERE r.kind IN ('r', 'p')
    ) r
),
walled_schemas AS (
    SELECT s.* FROM schemas s
    WHERE s.audited AND EXISTS (SELECT FROM tables t WHERE t.schema = s.oid AND t.key IS NOT NULL)
),
kernel_roles AS (
    SELECT r.*, quote_ident(r.rolname) AS name FROM pg_catalog.pg_roles r
    WHERE r.rolname IN ('rowhouse_owner', 'rowhouse_definer')
),
-- The role that is connected, or all that can reach a tenant's table. Who audits the whole database may be its
-- administrator, who becomes rowhouse_owner to migrate and is no service.
service_roles AS (
    SELECT r.*, quote_ident(r.rolname) AS name FROM pg_catalog.pg_roles r
    WHERE CASE
        WHEN $1::text IS NOT NULL THEN r.rolname = current_user
        WHEN NOT r.rolcanlogin OR r.oid IN (SELECT k.oid FROM kernel_roles k) THEN false
        WHEN EXISTS (
            SELECT FROM walled_schemas s CROSS JOIN LATERAL aclexplode(s.acl) a
            WHERE a.grantee = r.oid AND a.grantee <> s.owner
        ) THEN true
        WHEN r.rolname = session_user
            AND EXISTS (SELECT FROM kernel_roles k WHERE pg_has_role(r.oid, k.oid, 'MEMBER')) THEN false
        ELSE r.rolname ~ '^rowhouse_'
            OR NOT r.rolsuper
                AND EXISTS (SELECT FROM walled_schemas s WHERE has_schema_privilege(r.oid, s.oid, 'USAGE'))
    END
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
-- What is granted on relations and their columns to anyone but the owner.
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
