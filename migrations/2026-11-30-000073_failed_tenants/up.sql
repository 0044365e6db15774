-- Removes tenants whose set-up failed. Anybody may sign up, so they must not stay for ever.

-- Of so many tenants that come after `after`, removes the record of a set-up that ended so many days ago, and the tenant itself if its
-- set-up failed and nothing refers to it but what its set-up left. Answers with the last one that was looked at; null when there is
-- none left.
CREATE OR REPLACE FUNCTION onboarding.purge_onboardings(after uuid, tenants integer, keep_days integer) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = ''
AS $$
DECLARE
    -- A caller cannot remove what is recent.
    kept interval := pg_catalog.make_interval(days => greatest(keep_days, 7));
    candidate uuid;
    done uuid;
    seen integer := 0;
BEGIN
    FOR candidate IN
        SELECT i.tenant_id FROM tenancy.tenant_ids i WHERE i.tenant_id > after ORDER BY i.tenant_id LIMIT tenants
    LOOP
        EXECUTE pg_catalog.format('SET LOCAL app.tenant_id = %L', candidate);
        DELETE FROM onboarding.onboardings o
        WHERE o.tenant_id = candidate AND o.finished_at < pg_catalog.now() - kept;
        -- A service may write the status, not the time of creation.
        IF EXISTS (
            SELECT FROM tenancy.tenants t
            WHERE t.id = candidate AND t.status = 'failed' AND t.created_at < pg_catalog.now() - kept
        ) THEN
            -- Whatever else there is of it keeps all of it: entries of its audit log until their own retention ends, and a member
            -- or an order of one that was marked as failed without reason.
            BEGIN
                DELETE FROM jobs.jobs j WHERE j.tenant_id = candidate AND j.finished_at IS NOT NULL;
                DELETE FROM tenancy.usage u WHERE u.tenant_id = candidate;
                DELETE FROM tenancy.backfills b WHERE b.tenant_id = candidate;
                DELETE FROM auth.single_letters s WHERE s.tenant_id = candidate;
                DELETE FROM tenancy.tenants t WHERE t.id = candidate;
                DELETE FROM jobs.lanes l WHERE l.tenant_id = candidate;
            EXCEPTION WHEN foreign_key_violation THEN
                NULL;
            END;
        END IF;
        done := candidate;
        seen := seen + 1;
    END LOOP;
    EXECUTE 'SET LOCAL app.tenant_id = ''''';
    RETURN CASE WHEN seen = tenants THEN done END;
END
$$;

UPDATE tenancy.definer_functions
SET reason = 'records of set-ups that ended long ago, and tenants whose set-up failed, are removed, tenant by tenant'
WHERE function_name = 'onboarding.purge_onboardings(uuid, integer, integer)';
GRANT SELECT, DELETE ON tenancy.backfills, auth.single_letters TO rowhouse_definer;
GRANT DELETE ON tenancy.tenants TO rowhouse_definer;
