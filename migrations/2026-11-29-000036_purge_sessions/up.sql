-- Removes sessions that are long over, and revocations of access tokens that have expired by themselves: of the tenants that
-- come after `after`, of so many of them and so many rows at most. Answers with the last tenant that is done with, from which
-- to go on; null when there is none left.
--
-- No role bypasses row-level security, so it enters one tenant after the other. In the background: no login waits for it.
CREATE FUNCTION auth.purge_sessions(after uuid, tenants integer, most integer) RETURNS uuid
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
        DELETE FROM auth.sessions s
        WHERE s.tenant_id = candidate AND s.id IN (
            SELECT o.id FROM auth.sessions o
            WHERE o.tenant_id = candidate AND o.expires_at < pg_catalog.now() - interval '30 days'
            ORDER BY o.expires_at LIMIT most
        );
        GET DIAGNOSTICS removed = ROW_COUNT;
        most := most - removed;
        DELETE FROM tenancy.token_revocations r
        WHERE r.tenant_id = candidate AND r.id IN (
            SELECT o.id FROM tenancy.token_revocations o
            WHERE o.tenant_id = candidate AND o.created_at < pg_catalog.now() - interval '1 hour'
            LIMIT most
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
GRANT DELETE ON auth.sessions, tenancy.token_revocations TO rowhouse_definer;
INSERT INTO tenancy.definer_functions VALUES
    ('auth.purge_sessions(uuid, integer, integer)', 'sessions that are long over are removed, tenant by tenant');
GRANT CREATE ON SCHEMA auth TO rowhouse_definer;
ALTER FUNCTION auth.purge_sessions(uuid, integer, integer) OWNER TO rowhouse_definer;
REVOKE CREATE ON SCHEMA auth FROM rowhouse_definer;
GRANT EXECUTE ON FUNCTION auth.purge_sessions(uuid, integer, integer) TO rowhouse_auth;
