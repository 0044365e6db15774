CREATE SCHEMA onboarding;
GRANT USAGE ON SCHEMA onboarding TO rowhouse_onboarding, rowhouse_definer;

-- An onboarding has no tenant yet when its key arrives, so the keys are one list for all. No service role may touch it.
CREATE TABLE onboarding.idempotency_keys (
    -- SHA-256 over the administrator's address and the key: a guessed key leads to nobody else's answer.
    key_digest bytea PRIMARY KEY CHECK (octet_length(key_digest) = 32),
    -- SHA-256 over the request without the password, which auth compares by its hash.
    fingerprint bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
    tenant_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO tenancy.global_tables VALUES
    ('onboarding.idempotency_keys', 'keys of onboardings, which precede their tenant; reached only through onboarding.claim_key()');
GRANT SELECT, INSERT, DELETE ON onboarding.idempotency_keys TO rowhouse_definer;

-- Claims a key for a tenant that is about to be created, or tells which tenant has it. A second caller
-- waits here until the first one's transaction has ended.
CREATE FUNCTION onboarding.claim_key(digest bytea, request_fingerprint bytea, tenant uuid)
RETURNS TABLE (fingerprint bytea, tenant_id uuid)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = ''
AS $$
BEGIN
    INSERT INTO onboarding.idempotency_keys AS k (key_digest, fingerprint, tenant_id)
    VALUES (digest, request_fingerprint, tenant)
    ON CONFLICT DO NOTHING;
    RETURN QUERY
        SELECT k.fingerprint, k.tenant_id FROM onboarding.idempotency_keys k WHERE k.key_digest = digest;
END
$$;

-- Gives a key back when the onboarding that claimed it was refused.
CREATE FUNCTION onboarding.release_key(digest bytea, tenant uuid) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = ''
BEGIN ATOMIC
    DELETE FROM onboarding.idempotency_keys k WHERE k.key_digest = digest AND k.tenant_id = tenant;
END;

INSERT INTO tenancy.definer_functions VALUES
    ('onboarding.claim_key(bytea, bytea, uuid)', 'an onboarding''s key is claimed before its tenant exists'),
    ('onboarding.release_key(bytea, uuid)', 'a refused onboarding gives its key back');

GRANT CREATE ON SCHEMA onboarding TO rowhouse_definer;
ALTER FUNCTION onboarding.claim_key(bytea, bytea, uuid) OWNER TO rowhouse_definer;
ALTER FUNCTION onboarding.release_key(bytea, uuid) OWNER TO rowhouse_definer;
REVOKE CREATE ON SCHEMA onboarding FROM rowhouse_definer;
GRANT EXECUTE ON FUNCTION onboarding.claim_key(bytea, bytea, uuid), onboarding.release_key(bytea, uuid)
    TO rowhouse_onboarding;
