DROP FUNCTION auth.end_sessions_of(uuid, text);
DROP FUNCTION auth.admit(bytea[], integer[]);
DROP TABLE auth.audit_log, auth.api_keys, auth.invitations, auth.sessions, auth.outbox, auth.familiar_addresses,
    auth.attempts, auth.one_time_tokens, auth.recovery_codes, auth.totp;
DELETE FROM tenancy.global_tables WHERE table_name IN (
    'auth.totp', 'auth.recovery_codes', 'auth.one_time_tokens', 'auth.attempts', 'auth.familiar_addresses', 'auth.outbox'
);
DELETE FROM tenancy.definer_functions WHERE function_name = 'auth.end_sessions_of(uuid, text)';
REVOKE UPDATE (role), DELETE ON auth.memberships FROM rowhouse_auth;
-- Fails while there is a person without a password: such a one would be lost.
ALTER TABLE auth.identities
    DROP COLUMN disabled_at,
    DROP COLUMN email_verified_at,
    ALTER COLUMN password_hash SET NOT NULL;

DROP FUNCTION tenancy.set_tenant_context(uuid, uuid, bigint);
DROP TABLE tenancy.token_revocations;
CREATE FUNCTION tenancy.set_tenant_context(tenant uuid) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    entered uuid := tenancy.current_tenant();
    tenant_status text;
BEGIN
    IF entered IS NOT NULL AND entered IS DISTINCT FROM tenant THEN
        RAISE EXCEPTION 'the transaction belongs to another tenant'
            USING ERRCODE = 'RH003', CONSTRAINT = 'one_tenant_per_transaction';
    END IF;
    EXECUTE pg_catalog.format('SET LOCAL app.tenant_id = %L', coalesce(tenant::text, ''));
    SELECT t.status INTO tenant_status FROM tenancy.tenants t WHERE t.id = tenant;
    IF tenant_status IS NULL THEN
        RAISE EXCEPTION 'there is no such tenant' USING ERRCODE = 'RH001', CONSTRAINT = 'tenant_exists';
    ELSIF tenant_status = 'suspended' THEN
        RAISE EXCEPTION 'the tenant is suspended' USING ERRCODE = 'RH002', CONSTRAINT = 'tenant_not_suspended';
    END IF;
END
$$;
GRANT EXECUTE ON FUNCTION tenancy.set_tenant_context(uuid)
    TO rowhouse_auth, rowhouse_onboarding, rowhouse_orders;
