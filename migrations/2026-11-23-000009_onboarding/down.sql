REVOKE DELETE ON orders.number_series, orders.idempotency_keys FROM rowhouse_orders;
DROP TABLE auth.single_letters;
DELETE FROM tenancy.definer_functions WHERE function_name = 'onboarding.find_key(bytea)';
DROP FUNCTION onboarding.find_key(bytea);
DROP TABLE onboarding.onboardings;
DROP FUNCTION tenancy.enter_new_tenant(uuid);
REVOKE UPDATE (slug) ON tenancy.tenants FROM rowhouse_onboarding;
ALTER TABLE tenancy.tenants
    DROP CONSTRAINT tenants_status_check,
    ADD CONSTRAINT tenants_status_check CHECK (status IN ('provisioning', 'active', 'suspended'));
