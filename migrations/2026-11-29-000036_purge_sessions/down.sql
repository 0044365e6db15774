DELETE FROM tenancy.definer_functions WHERE function_name = 'auth.purge_sessions(uuid, integer, integer)';
DROP FUNCTION auth.purge_sessions(uuid, integer, integer);
REVOKE DELETE ON auth.sessions, tenancy.token_revocations FROM rowhouse_definer;
