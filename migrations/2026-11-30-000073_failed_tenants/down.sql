REVOKE DELETE ON tenancy.tenants FROM rowhouse_definer;
REVOKE SELECT, DELETE ON tenancy.backfills, auth.single_letters FROM rowhouse_definer;
UPDATE tenancy.definer_functions SET reason = 'records of set-ups that ended long ago are removed, tenant by tenant'
WHERE function_name = 'onboarding.purge_onboardings(uuid, integer, integer)';
CREATE OR REPLACE FUNCTION onboarding.purge_onboardings(after uuid, tenants integer, keep_days integer) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = ''
AS $$
DECLARE
    candidate uuid;
    done uuid;
    seen integer := 0;
BEGIN
    FOR candidate IN
        SELECT i.tenant_id FROM tenancy.tenant_ids i WHERE i.tenant_id > after ORDER BY i.tenant_id LIMIT tenants
    LOOP
        EXECUTE pg_catalog.format('SET LOCAL app.tenant_id = %L', candidate);
        DELETE FROM onboarding.onboardings o
        WHERE o.tenant_id = candidate
            AND o.finished_at < pg_catalog.now() - pg_catalog.make_interval(days => greatest(keep_days, 7));
        done := candidate;
        seen := seen + 1;
    END LOOP;
    EXECUTE 'SET LOCAL app.tenant_id = ''''';
    RETURN CASE WHEN seen = tenants THEN done END;
END
$$;
