-- The first answer to each call that may be repeated, as orders has them.
CREATE TABLE auth.idempotency_keys (
    tenant_id uuid NOT NULL,
    -- The operation, and a digest of the caller and the key.
    id text NOT NULL CHECK (char_length(id) BETWEEN 1 AND 255),
    -- SHA-256 over the request.
    fingerprint bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
    -- The encoded answer, encrypted with a key that the database does not have: there are API keys in it.
    response bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX idempotency_keys_created_at_idx ON auth.idempotency_keys (tenant_id, created_at);
CALL tenancy.protect('auth.idempotency_keys');
GRANT SELECT, INSERT ON auth.idempotency_keys TO rowhouse_auth;
GRANT SELECT, DELETE ON auth.idempotency_keys TO rowhouse_definer;

-- Removes answers that are older than a day: of the tenants that come after `after`, of so many of them and so many rows at most. Answers
-- with the last tenant that is done with, from which to go on; null when there is none left.
--
-- No role bypasses row-level security, so it enters one tenant after the other.
CREATE FUNCTION auth.purge_answers(after uuid, tenants integer, most integer) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = ''
AS $$
DECLARE
    candidate uuid;
    done uuid := after;
    seen integer := 0;
    removed integer;
BEGIN
    FOR candidate IN
        SELECT i.tenant_id FROM tenancy.tenant_ids i WHERE i.tenant_id > after ORDER BY i.tenant_id LIMIT tenants
    LOOP
        EXECUTE pg_catalog.format('SET LOCAL app.tenant_id = %L', candidate);
        DELETE FROM auth.idempotency_keys k
        WHERE k.tenant_id = candidate AND k.id IN (
            SELECT o.id FROM auth.idempotency_keys o
            WHERE o.tenant_id = candidate AND o.created_at < pg_catalog.now() - interval '24 hours'
            ORDER BY o.created_at LIMIT most
        );
        GET DIAGNOSTICS removed = ROW_COUNT;
        most := most - removed;
        -- There may be more of this one.
        EXIT WHEN most <= 0;
        done := candidate;
        seen := seen + 1;
    END LOOP;
    EXECUTE 'SET LOCAL app.tenant_id = ''''';
    RETURN CASE WHEN most > 0 AND seen < tenants THEN NULL ELSE done END;
END
$$;
INSERT INTO tenancy.definer_functions VALUES
    ('auth.purge_answers(uuid, integer, integer)', 'answers that nobody repeats a call for any more are removed, tenant by tenant');
GRANT CREATE ON SCHEMA auth TO rowhouse_definer;
ALTER FUNCTION auth.purge_answers(uuid, integer, integer) OWNER TO rowhouse_definer;
REVOKE CREATE ON SCHEMA auth FROM rowhouse_definer;
GRANT EXECUTE ON FUNCTION auth.purge_answers(uuid, integer, integer) TO rowhouse_auth;
