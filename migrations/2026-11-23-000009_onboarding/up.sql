-- A tenant that could not be set up keeps its row, with the reason in onboarding.onboardings, and gives its slug back: from then on
-- its slug is its id, which no caller can choose.
ALTER TABLE tenancy.tenants
    DROP CONSTRAINT tenants_status_check,
    ADD CONSTRAINT tenants_status_check
        CHECK (status IN ('provisioning', 'active', 'suspended', 'failed')) NOT VALID;
ALTER TABLE tenancy.tenants VALIDATE CONSTRAINT tenants_status_check;
GRANT UPDATE (slug) ON tenancy.tenants TO rowhouse_onboarding;

-- Enters a tenant that the same transaction is about to create, until the transaction ends. Nothing can be written before
-- the tenant's own row, to which everything else refers.
--
-- Errors: RH003 another tenant's context is set already, RH006 the tenant is there.
CREATE FUNCTION tenancy.enter_new_tenant(tenant uuid) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    IF tenancy.current_tenant() IS NOT NULL THEN
        RAISE EXCEPTION 'the transaction belongs to another tenant'
            USING ERRCODE = 'RH003', CONSTRAINT = 'one_tenant_per_transaction';
    END IF;
    EXECUTE pg_catalog.format('SET LOCAL app.tenant_id = %L', tenant);
    -- It would be entered past what set_tenant_context refuses.
    IF EXISTS (SELECT FROM tenancy.tenants t WHERE t.id = tenant) THEN
        RAISE EXCEPTION 'the tenant is there' USING ERRCODE = 'RH006', CONSTRAINT = 'tenant_is_new';
    END IF;
END
$$;
GRANT EXECUTE ON FUNCTION tenancy.enter_new_tenant(uuid) TO rowhouse_onboarding;

-- How far a tenant's set-up is: one row a tenant, which its background job goes by.
CREATE TABLE onboarding.onboardings (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    -- The first owner's address.
    email text NOT NULL CHECK (char_length(email) BETWEEN 3 AND 254),
    -- The first owner's id, or what stands for it while they are only invited.
    owner_id uuid NOT NULL,
    -- What auth found out about the owner, encrypted with keys that only auth has. Gone when the set-up has ended.
    member_proof bytea,
    -- The idempotency key that stands for this tenant; it is given back when the set-up fails.
    key_digest bytea CHECK (octet_length(key_digest) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    -- The steps: auth has the owner, orders has its defaults, the letter is on its way.
    membership_at timestamptz,
    defaults_at timestamptz,
    welcome_at timestamptz,
    -- The tenant became active, or failed.
    finished_at timestamptz,
    -- Why it cannot be set up, in words for whoever asked for it. Set before what was done is taken back.
    failure text CHECK (char_length(failure) BETWEEN 1 AND 500),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT onboardings_tenant_key UNIQUE (tenant_id),
    CHECK (finished_at IS NULL OR member_proof IS NULL)
);
CALL tenancy.protect('onboarding.onboardings');
GRANT SELECT,
    INSERT (tenant_id, id, email, owner_id, member_proof, key_digest),
    UPDATE (owner_id, member_proof, membership_at, defaults_at, welcome_at, finished_at, failure)
    ON onboarding.onboardings TO rowhouse_onboarding;

-- Which tenant has a key, if it was claimed: before anything is done for a repeat that was done already.
CREATE FUNCTION onboarding.find_key(digest bytea) RETURNS TABLE (fingerprint bytea, tenant_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = ''
BEGIN ATOMIC
    SELECT k.fingerprint, k.tenant_id FROM onboarding.idempotency_keys k WHERE k.key_digest = digest;
END;
INSERT INTO tenancy.definer_functions VALUES
    ('onboarding.find_key(bytea)', 'a repeated onboarding finds the tenant of the first one');
GRANT CREATE ON SCHEMA onboarding TO rowhouse_definer;
ALTER FUNCTION onboarding.find_key(bytea) OWNER TO rowhouse_definer;
REVOKE CREATE ON SCHEMA onboarding FROM rowhouse_definer;
GRANT EXECUTE ON FUNCTION onboarding.find_key(bytea) TO rowhouse_onboarding;

-- Letters of which a tenant gets one, however often somebody asks for it.
CREATE TABLE auth.single_letters (
    tenant_id uuid NOT NULL,
    id text NOT NULL CHECK (id IN ('welcome')),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id)
);
CALL tenancy.protect('auth.single_letters');
GRANT SELECT, DELETE, INSERT (tenant_id, id) ON auth.single_letters TO rowhouse_auth;

-- A set-up that failed takes its defaults back; keys of old requests are removed.
GRANT DELETE ON orders.number_series, orders.idempotency_keys TO rowhouse_orders;
