-- Keeps each tenant's slug, name, status and age beside its id, and the number of tenants: a list of them, and the search for a slug,
-- need not enter every tenant. Only the owner may read it, as before.

-- Nobody adds or changes a tenant until the copy is kept, so none is missed. The locks are in the order in which a change takes them.
-- safety-assured:start
LOCK TABLE tenancy.tenants IN SHARE ROW EXCLUSIVE MODE;
-- safety-assured:end
ALTER TABLE tenancy.tenant_ids
    ADD COLUMN slug text,
    ADD COLUMN name text,
    ADD COLUMN status text,
    ADD COLUMN created_at timestamptz;

-- The number of tenants is the sum over the rows. A session adds to one of them, so that sign-ups do not wait for each other.
CREATE TABLE tenancy.tenant_counts (
    slot bigint PRIMARY KEY CHECK (slot BETWEEN 0 AND 15),
    tenants bigint NOT NULL
);
INSERT INTO tenancy.tenant_counts (slot, tenants) SELECT 0, count(*) FROM tenancy.tenant_ids;
INSERT INTO tenancy.global_tables VALUES
    ('tenancy.tenant_counts', 'how many tenants there are, for an operator''s commands; no service reads it');
UPDATE tenancy.global_tables SET reason = 'which tenants there are, with name and status, for an operator''s commands; no service reads it'
WHERE table_name = 'tenancy.tenant_ids';
GRANT UPDATE (slug, name, status, created_at) ON tenancy.tenant_ids TO rowhouse_definer;
GRANT SELECT, INSERT, UPDATE ON tenancy.tenant_counts TO rowhouse_definer;

CREATE OR REPLACE FUNCTION tenancy.keep_tenant_ids() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = ''
AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.id = OLD.id THEN
        UPDATE tenancy.tenant_ids i
        SET slug = NEW.slug, name = NEW.name, status = NEW.status, created_at = NEW.created_at
        WHERE i.tenant_id = NEW.id;
        RETURN NULL;
    END IF;
    IF TG_OP IN ('DELETE', 'UPDATE') THEN
        DELETE FROM tenancy.tenant_ids i WHERE i.tenant_id = OLD.id;
    END IF;
    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        INSERT INTO tenancy.tenant_ids (tenant_id, slug, name, status, created_at)
        VALUES (NEW.id, NEW.slug, NEW.name, NEW.status, NEW.created_at);
    END IF;
    IF TG_OP IN ('INSERT', 'DELETE') THEN
        INSERT INTO tenancy.tenant_counts AS c (slot, tenants)
        VALUES (pg_catalog.pg_backend_pid() % 16, CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END)
        ON CONFLICT (slot) DO UPDATE SET tenants = c.tenants + excluded.tenants;
    END IF;
    RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER keep_tenant_ids
    AFTER INSERT OR UPDATE OF id, slug, name, status, created_at OR DELETE ON tenancy.tenants
    FOR EACH ROW EXECUTE FUNCTION tenancy.keep_tenant_ids();
UPDATE tenancy.definer_functions SET reason = 'keeps the list of tenants and their number in step with the tenants'
WHERE function_name = 'tenancy.keep_tenant_ids()';
