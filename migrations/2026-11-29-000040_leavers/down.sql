DELETE FROM tenancy.definer_functions
WHERE function_name IN ('auth.end_sessions_of(uuid, text, uuid)', 'auth.revoke_grants_of(uuid)');
DROP FUNCTION auth.revoke_grants_of(uuid);
DROP FUNCTION auth.end_sessions_of(uuid, text, uuid);
REVOKE SELECT, DELETE ON auth.invitations FROM rowhouse_definer;
REVOKE SELECT, UPDATE (expires_at) ON auth.api_keys FROM rowhouse_definer;
REVOKE UPDATE (scopes, expires_at) ON auth.api_keys FROM rowhouse_auth;
-- A revoked key has expired as well, and stays refused.
ALTER TABLE auth.api_keys DROP COLUMN revoked_at, DROP COLUMN revoke_reason;
