-- All tenants' ids, so that an operator's command can go through all of them without any role that sees all of their rows. Kept
-- by a trigger; only the owner may read it.
CREATE TABLE tenancy.tenant_ids (
    tenant_id uuid PRIMARY KEY
);
INSERT INTO tenancy.global_tables VALUES
    ('tenancy.tenant_ids', 'which tenants there are, for an operator''s commands; no service reads it');
GRANT SELECT, INSERT, DELETE ON tenancy.tenant_ids TO rowhouse_definer;

CREATE FUNCTION tenancy.keep_tenant_ids() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = ''
AS $$
BEGIN
    IF TG_OP IN ('DELETE', 'UPDATE') THEN
        DELETE FROM tenancy.tenant_ids i WHERE i.tenant_id = OLD.id;
    END IF;
    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        INSERT INTO tenancy.tenant_ids (tenant_id) VALUES (NEW.id);
    END IF;
    RETURN NULL;
END
$$;
INSERT INTO tenancy.definer_functions VALUES
    ('tenancy.keep_tenant_ids()', 'keeps the list of tenants'' ids in step with the tenants');
GRANT CREATE ON SCHEMA tenancy TO rowhouse_definer;
ALTER FUNCTION tenancy.keep_tenant_ids() OWNER TO rowhouse_definer;
REVOKE CREATE ON SCHEMA tenancy FROM rowhouse_definer;
CREATE TRIGGER keep_tenant_ids
    AFTER INSERT OR UPDATE OF id OR DELETE ON tenancy.tenants
    FOR EACH ROW EXECUTE FUNCTION tenancy.keep_tenant_ids();

-- The tenants that are there already. The owner is bound by the policy, too, and would find none, so the force is lifted for one
-- statement. Nobody else sees the table in between: both changes are of this transaction, which has it for itself until its end.
ALTER TABLE tenancy.tenants NO FORCE ROW LEVEL SECURITY;
INSERT INTO tenancy.tenant_ids (tenant_id) SELECT t.id FROM tenancy.tenants t;
ALTER TABLE tenancy.tenants FORCE ROW LEVEL SECURITY;

-- All tenants, for an operator's command, which runs as the owner: nobody else may execute this, and it is no definer. It enters
-- one tenant after the other, reads its row there, and leaves the context as it found it.
CREATE FUNCTION tenancy.directory()
RETURNS TABLE (id uuid, slug text, name text, status text, created_at timestamptz)
LANGUAGE plpgsql VOLATILE
SET search_path = ''
AS $$
DECLARE
    entered uuid := tenancy.current_tenant();
    candidate uuid;
BEGIN
    FOR candidate IN SELECT i.tenant_id FROM tenancy.tenant_ids i ORDER BY i.tenant_id LOOP
        EXECUTE pg_catalog.format('SET LOCAL app.tenant_id = %L', candidate);
        RETURN QUERY
            SELECT t.id, t.slug, t.name, t.status, t.created_at FROM tenancy.tenants t WHERE t.id = candidate;
    END LOOP;
    EXECUTE pg_catalog.format('SET LOCAL app.tenant_id = %L', coalesce(entered::text, ''));
END
$$;

-- The one way into a tenant, now with a lock that shows for as long as the transaction lasts that it is in this tenant. Whoever
-- suspends the tenant finds those that had entered before by it, see tenancy.transactions_in.
--
-- `session` and `issued_at` (seconds since 1970) are the token's `sid` and `iat`; nobody's when the system acts by itself.
--
-- SET LOCAL by EXECUTE and not set_config(): Citus forwards the one to its shards and not the other.
--
-- Security invoker: the directory's row is read through its own policy, in the context just set, so
-- nothing here sees another tenant. A refusal aborts the transaction and takes the context with it.
--
-- Errors: RH001 no such tenant, RH002 tenant suspended, RH003 another tenant's context is set already, RH005 the token was
-- revoked. Each also carries a constraint's name, which is what diesel hands on (it keeps no SQLSTATE).
CREATE OR REPLACE FUNCTION tenancy.set_tenant_context(tenant uuid, session uuid DEFAULT NULL, issued_at bigint DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    entered uuid := tenancy.current_tenant();
    tenant_status text;
    revoked boolean;
BEGIN
    IF entered IS NOT NULL AND entered IS DISTINCT FROM tenant THEN
        RAISE EXCEPTION 'the transaction belongs to another tenant'
            USING ERRCODE = 'RH003', CONSTRAINT = 'one_tenant_per_transaction';
    END IF;
    EXECUTE pg_catalog.format('SET LOCAL app.tenant_id = %L', coalesce(tenant::text, ''));
    -- Before the status is read: who takes the lock too late to be found by it reads that the tenant is suspended. Everybody
    -- shares it, so nobody is ever refused. As a condition it is evaluated without a query, which is what costs.
    IF NOT pg_catalog.pg_try_advisory_xact_lock_shared(pg_catalog.uuid_hash_extended(tenant, 7463)) THEN
        RAISE EXCEPTION 'somebody has locked the tenant for themselves' USING ERRCODE = 'lock_not_available';
    END IF;
    SELECT t.status, EXISTS (
        SELECT FROM tenancy.token_revocations r
        WHERE r.tenant_id = tenant AND r.id = session
            AND r.issued_until >= pg_catalog.to_timestamp(issued_at::double precision)
    )
    INTO tenant_status, revoked
    FROM tenancy.tenants t WHERE t.id = tenant;
    IF tenant_status IS NULL THEN
        RAISE EXCEPTION 'there is no such tenant' USING ERRCODE = 'RH001', CONSTRAINT = 'tenant_exists';
    ELSIF tenant_status = 'suspended' THEN
        RAISE EXCEPTION 'the tenant is suspended' USING ERRCODE = 'RH002', CONSTRAINT = 'tenant_not_suspended';
    ELSIF revoked THEN
        RAISE EXCEPTION 'the token was revoked' USING ERRCODE = 'RH005', CONSTRAINT = 'token_not_revoked';
    END IF;
END
$$;

-- The transactions that are in a tenant, for an operator's command. `transaction` is of no other transaction of the same server
-- process.
CREATE FUNCTION tenancy.transactions_in(tenant uuid) RETURNS TABLE (pid integer, transaction text)
LANGUAGE sql VOLATILE
SET search_path = ''
BEGIN ATOMIC
    SELECT l.pid, l.virtualtransaction
    FROM pg_catalog.pg_locks l,
        -- An advisory lock's key, as pg_locks shows it: the halves of the number.
        LATERAL (SELECT pg_catalog.uuid_hash_extended(tenant, 7463) AS key) AS k
    WHERE l.locktype = 'advisory' AND l.mode = 'ShareLock' AND l.granted AND l.objsubid = 1
        AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
        AND l.classid::bigint = (k.key >> 32) & 4294967295 AND l.objid::bigint = k.key & 4294967295;
END;

-- Which backfills have gone through a tenant, and how far. Written by an operator's command, as the owner.
CREATE TABLE tenancy.backfills (
    tenant_id uuid NOT NULL,
    -- The backfill's name.
    id text NOT NULL CHECK (char_length(id) BETWEEN 1 AND 100),
    -- How many rows of the tenant have to be changed in all, as counted beforehand, and how many were.
    expected bigint NOT NULL CHECK (expected >= 0),
    changed bigint NOT NULL DEFAULT 0 CHECK (changed >= 0),
    started_at timestamptz NOT NULL DEFAULT now(),
    completed_at timestamptz CHECK (completed_at IS NULL OR changed = expected),
    PRIMARY KEY (tenant_id, id)
);
CALL tenancy.protect('tenancy.backfills');

-- Where a backfill stands, tenant by tenant, of those that it has begun with: as tenancy.directory() does it, and for the same caller.
CREATE FUNCTION tenancy.backfill_ledger(backfill text)
RETURNS TABLE (tenant_id uuid, expected bigint, changed bigint, started_at timestamptz, completed_at timestamptz)
LANGUAGE plpgsql VOLATILE
SET search_path = ''
AS $$
DECLARE
    entered uuid := tenancy.current_tenant();
    candidate uuid;
BEGIN
    FOR candidate IN SELECT i.tenant_id FROM tenancy.tenant_ids i ORDER BY i.tenant_id LOOP
        EXECUTE pg_catalog.format('SET LOCAL app.tenant_id = %L', candidate);
        RETURN QUERY
            SELECT b.tenant_id, b.expected, b.changed, b.started_at, b.completed_at
            FROM tenancy.backfills b WHERE b.tenant_id = candidate AND b.id = backfill;
    END LOOP;
    EXECUTE pg_catalog.format('SET LOCAL app.tenant_id = %L', coalesce(entered::text, ''));
END
$$;
