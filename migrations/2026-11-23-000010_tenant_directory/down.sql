DROP FUNCTION tenancy.backfill_ledger(text);
DROP TABLE tenancy.backfills;
DROP FUNCTION tenancy.transactions_in(uuid);
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
DROP FUNCTION tenancy.directory();
DROP TRIGGER keep_tenant_ids ON tenancy.tenants;
DELETE FROM tenancy.definer_functions WHERE function_name = 'tenancy.keep_tenant_ids()';
DROP FUNCTION tenancy.keep_tenant_ids();
DELETE FROM tenancy.global_tables WHERE table_name = 'tenancy.tenant_ids';
DROP TABLE tenancy.tenant_ids;
