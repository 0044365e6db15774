-- A tenant's people list and cancel jobs of all services at auth, where a tenant is administered; until now at onboarding.
GRANT EXECUTE ON FUNCTION jobs.cancel(uuid, uuid) TO rowhouse_auth;
REVOKE EXECUTE ON FUNCTION jobs.cancel(uuid, uuid) FROM rowhouse_onboarding;
