-- Adds tenants whose slugs end with :first to :last, each with an owner and with :orders orders of two lines.
--
-- A tenant is a copy of the tenant :template in every table, as the services wrote it, with an id, a slug and an owner of its own. So a
-- new table needs nothing here.
BEGIN;

-- An id as the services make them: the first digits are the time in milliseconds.
CREATE FUNCTION pg_temp.new_id(moment timestamptz) RETURNS uuid
LANGUAGE sql VOLATILE
RETURN (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || '7' || substr(gen_random_uuid()::text, 16))::uuid;

-- Tenants are not as old as the last ones, and in the order of their ids.
CREATE TEMPORARY TABLE added ON COMMIT DROP AS
SELECT n, t.id AS template_id, m.user_id AS template_owner_id,
    pg_temp.new_id(now() - interval '400 days' + n * interval '1 second') AS tenant_id, gen_random_uuid() AS owner_id
FROM generate_series(:first::integer, :last) n,
    tenancy.tenants t JOIN auth.memberships m ON m.tenant_id = t.id AND m.role = 'owner'
WHERE t.slug = :'template';

INSERT INTO auth.identities
SELECT own.*
FROM auth.identities i JOIN added a ON a.template_owner_id = i.id,
    LATERAL jsonb_populate_record(i, jsonb_build_object('id', a.owner_id, 'email', 'tenant-' || a.n || '@example.com')) own;

INSERT INTO tenancy.tenants
SELECT own.*
FROM tenancy.tenants t JOIN added a ON a.template_id = t.id,
    LATERAL jsonb_populate_record(
        t, jsonb_build_object('id', a.tenant_id, 'slug', 'tenant-' || a.n, 'name', 'Tenant ' || a.n)) own;

-- Each lane is looked through for ended jobs once an hour, at any time of it. Jobs set when it is due.
INSERT INTO jobs.lanes
SELECT own.*
FROM jobs.lanes l JOIN added a ON a.template_id = l.tenant_id,
    LATERAL jsonb_populate_record(l, jsonb_build_object(
        'tenant_id', a.tenant_id, 'ready', false, 'is_full', false, 'running', 0, 'due_at', 'infinity',
        'purged_at', now() - random() * interval '1 hour')) own;

-- The other tables, those first that others refer to. A job that comes every day comes at any time of it.
SELECT format(
    'INSERT INTO %1$s
     SELECT own.*
     FROM %1$s r JOIN added a ON a.template_id = r.tenant_id,
         LATERAL jsonb_populate_record(r, replace(to_jsonb(r)::text, a.template_owner_id::text, a.owner_id::text)::jsonb
             || jsonb_build_object(''tenant_id'', a.tenant_id) || %2$s) own',
    c.oid::regclass,
    CASE c.oid::regclass::text
        WHEN 'jobs.jobs' THEN
            $$CASE WHEN r.status = 'queued'
                THEN jsonb_build_object('due_at', now() + random() * r.every_seconds * interval '1 second') ELSE '{}' END$$
        WHEN 'orders.number_series' THEN format('jsonb_build_object(''last_number'', %s)', :orders)
        ELSE '''{}''::jsonb'
    END
)
FROM pg_class c
WHERE c.relkind = 'r' AND c.relforcerowsecurity AND c.oid <> 'tenancy.tenants'::regclass
ORDER BY (
    SELECT count(*) FROM pg_constraint k
    WHERE k.contype = 'f' AND k.conrelid = c.oid AND k.confrelid NOT IN ('tenancy.tenants'::regclass, c.oid)
), c.oid
\gexec

-- The orders refer to what was added above, so that needs no check, which would take most of the time.
SET LOCAL session_replication_role = replica;

CREATE TEMPORARY TABLE placed ON COMMIT DROP AS
SELECT a.tenant_id, pg_temp.new_id(moment.placed_at) AS id, number, moment.placed_at
FROM added a, generate_series(1, :orders) number,
    LATERAL (SELECT now() - interval '365 days' * (1 - number / (:orders + 1.0)) AS placed_at) moment;

INSERT INTO orders.orders (tenant_id, id, number, customer, currency, total_minor, created_at, updated_at)
SELECT p.tenant_id, p.id, p.number, 'Customer ' || p.number, 'EUR', 3000, p.placed_at, p.placed_at FROM placed p;

INSERT INTO orders.order_lines (tenant_id, id, order_id, position, sku, quantity, unit_price_minor)
SELECT p.tenant_id, pg_temp.new_id(p.placed_at), p.id, line, 'sku-' || line, line, 1000
FROM placed p, generate_series(1, 2) line;

COMMIT;
