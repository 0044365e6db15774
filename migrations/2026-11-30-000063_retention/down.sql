DELETE FROM tenancy.definer_functions WHERE function_name IN (
    'auth.purge_expired(uuid, integer, integer, integer)', 'auth.purge_identities(uuid, integer, integer)',
    'tenancy.purge_operator_actions(integer, integer)', 'onboarding.purge_onboardings(uuid, integer, integer)',
    'onboarding.purge_keys(integer, integer)'
);
DROP FUNCTION onboarding.purge_keys(integer, integer);
DROP FUNCTION onboarding.purge_onboardings(uuid, integer, integer);
DROP FUNCTION tenancy.purge_operator_actions(integer, integer);
DROP TRIGGER keep_operator_action ON tenancy.operator_actions;
DROP FUNCTION tenancy.keep_operator_action();
DROP FUNCTION auth.purge_identities(uuid, integer, integer);
DROP FUNCTION auth.purge_expired(uuid, integer, integer, integer);
REVOKE SELECT, DELETE ON onboarding.onboardings FROM rowhouse_definer;
REVOKE SELECT, DELETE ON tenancy.operator_actions FROM rowhouse_definer;
REVOKE UPDATE, DELETE ON auth.identities FROM rowhouse_definer;
REVOKE SELECT, DELETE ON auth.audit_log FROM rowhouse_definer;
