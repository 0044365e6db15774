GRANT EXECUTE ON FUNCTION jobs.cancel(uuid, uuid) TO rowhouse_onboarding;
REVOKE EXECUTE ON FUNCTION jobs.cancel(uuid, uuid) FROM rowhouse_auth;
