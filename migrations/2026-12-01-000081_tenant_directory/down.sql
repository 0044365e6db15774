UPDATE tenancy.definer_functions SET reason = 'keeps the list of tenants'' ids in step with the tenants'
WHERE function_name = 'tenancy.keep_tenant_ids()';
CREATE OR REPLACE TRIGGER keep_tenant_ids
    AFTER INSERT OR UPDATE OF id OR DELETE ON tenancy.tenants
    FOR EACH ROW EXECUTE FUNCTION tenancy.keep_tenant_ids();
CREATE OR REPLACE FUNCTION tenancy.keep_tenant_ids() RETURNS trigger
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
REVOKE UPDATE (slug, name, status, created_at) ON tenancy.tenant_ids FROM rowhouse_definer;
UPDATE tenancy.global_tables SET reason = 'which tenants there are, for an operator''s commands; no service reads it'
WHERE table_name = 'tenancy.tenant_ids';
DELETE FROM tenancy.global_tables WHERE table_name = 'tenancy.tenant_counts';
DROP TABLE tenancy.tenant_counts;
ALTER TABLE tenancy.tenant_ids
    DROP COLUMN slug,
    DROP COLUMN name,
    DROP COLUMN status,
    DROP COLUMN created_at;
