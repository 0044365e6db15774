-- Removes what is older than a retention, in batches: entries of audit logs, people without a membership, the record of operators'
-- actions, and what sign-ups leave. Services say how many days; each function has a least number, so that a service that was broken
-- into cannot remove what tells of it.

-- As before, and also entries of audit logs. A batch of one tenant is in that tenant's own context.
CREATE FUNCTION auth.purge_expired(after uuid, tenants integer, most integer, audit_days integer) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = ''
AS $$
DECLARE
    candidate uuid;
    done uuid := after;
    seen integer := 0;
    expired text;
    removed integer;
BEGIN
    FOR candidate IN
        SELECT i.tenant_id FROM tenancy.tenant_ids i WHERE i.tenant_id > after ORDER BY i.tenant_id LIMIT tenants
    LOOP
        EXECUTE pg_catalog.format('SET LOCAL app.tenant_id = %L', candidate);
        FOREACH expired IN ARRAY ARRAY[
            $sql$DELETE FROM auth.sessions d WHERE d.tenant_id = $1 AND d.id IN (
                SELECT o.id FROM auth.sessions o
                WHERE o.tenant_id = $1 AND o.expires_at < pg_catalog.now() - interval '30 days'
                ORDER BY o.expires_at LIMIT $2)$sql$,
            -- The access tokens have expired by themselves.
            $sql$DELETE FROM tenancy.token_revocations d WHERE d.tenant_id = $1 AND d.id IN (
                SELECT o.id FROM tenancy.token_revocations o
                WHERE o.tenant_id = $1 AND o.created_at < pg_catalog.now() - interval '1 hour'
                LIMIT $2)$sql$,
            -- Nobody repeats a call after a day.
            $sql$DELETE FROM auth.idempotency_keys d WHERE d.tenant_id = $1 AND d.id IN (
                SELECT o.id FROM auth.idempotency_keys o
                WHERE o.tenant_id = $1 AND o.created_at < pg_catalog.now() - interval '24 hours'
                ORDER BY o.created_at LIMIT $2)$sql$,
            -- One that has expired can be sent again for a while.
            $sql$DELETE FROM auth.invitations d WHERE d.tenant_id = $1 AND d.id IN (
                SELECT o.id FROM auth.invitations o
                WHERE o.tenant_id = $1 AND o.expires_at < pg_catalog.now() - interval '30 days'
                LIMIT $2)$sql$,
            $sql$DELETE FROM auth.audit_log d WHERE d.tenant_id = $1 AND d.id IN (
                SELECT o.id FROM auth.audit_log o
                WHERE o.tenant_id = $1 AND o.occurred_at < pg_catalog.now() - pg_catalog.make_interval(days => $3)
                ORDER BY o.occurred_at LIMIT $2)$sql$
        ] LOOP
            -- Whoever may call this cannot remove what is recent.
            EXECUTE expired USING candidate, most, greatest(audit_days, 30);
            GET DIAGNOSTICS removed = ROW_COUNT;
            most := most - removed;
        END LOOP;
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
    ('auth.purge_expired(uuid, integer, integer, integer)', 'what is of no use any more is removed, tenant by tenant');
GRANT SELECT, DELETE ON auth.audit_log TO rowhouse_definer;
GRANT CREATE ON SCHEMA auth TO rowhouse_definer;
ALTER FUNCTION auth.purge_expired(uuid, integer, integer, integer) OWNER TO rowhouse_definer;
REVOKE CREATE ON SCHEMA auth FROM rowhouse_definer;
GRANT EXECUTE ON FUNCTION auth.purge_expired(uuid, integer, integer, integer) TO rowhouse_auth;

-- Of so many people who come after `after`, removes those who are in no tenant and did not change for so many days. A disabled person
-- stays, or they could come back by an invitation. Answers with the last one that was looked at; null when there is none left.
CREATE FUNCTION auth.purge_identities(after uuid, people integer, keep_days integer) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = ''
AS $$
DECLARE
    candidate record;
    done uuid;
    seen integer := 0;
BEGIN
    FOR candidate IN
        SELECT i.id, i.disabled_at IS NULL
                AND i.updated_at < pg_catalog.now() - pg_catalog.make_interval(days => greatest(keep_days, 90))
                AND NOT EXISTS (SELECT FROM auth.tenants_of_users t WHERE t.user_id = i.id) AS is_left
        FROM auth.identities i WHERE i.id > after ORDER BY i.id LIMIT people
    LOOP
        done := candidate.id;
        seen := seen + 1;
        IF candidate.is_left THEN
            -- Somebody who is just becoming a member holds the row, or has it again by the foreign key.
            BEGIN
                DELETE FROM auth.identities i WHERE i.id IN (
                    SELECT o.id FROM auth.identities o WHERE o.id = candidate.id
                        AND NOT EXISTS (SELECT FROM auth.tenants_of_users t WHERE t.user_id = o.id)
                    FOR UPDATE SKIP LOCKED
                );
            EXCEPTION WHEN foreign_key_violation THEN
                NULL;
            END;
        END IF;
    END LOOP;
    RETURN CASE WHEN seen = people THEN done END;
END
$$;
INSERT INTO tenancy.definer_functions VALUES
    ('auth.purge_identities(uuid, integer, integer)', 'people without a membership are removed after a time');
GRANT SELECT, UPDATE, DELETE ON auth.identities TO rowhouse_definer;
GRANT CREATE ON SCHEMA auth TO rowhouse_definer;
ALTER FUNCTION auth.purge_identities(uuid, integer, integer) OWNER TO rowhouse_definer;
REVOKE CREATE ON SCHEMA auth FROM rowhouse_definer;
GRANT EXECUTE ON FUNCTION auth.purge_identities(uuid, integer, integer) TO rowhouse_auth;

-- The owner, as whom operators' commands work, has the privileges of rowhouse_definer, which now has DELETE. So a year is kept whoever
-- deletes.
CREATE FUNCTION tenancy.keep_operator_action() RETURNS trigger
LANGUAGE plpgsql
SET search_path = ''
AS $$
BEGIN
    RAISE EXCEPTION 'permission denied: an operator''s action is kept for a year' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER keep_operator_action BEFORE DELETE ON tenancy.operator_actions FOR EACH ROW
    WHEN (OLD.acted_at > now() - interval '365 days') EXECUTE FUNCTION tenancy.keep_operator_action();

-- Removes old entries of the record of operators' actions. Answers with their number.
CREATE FUNCTION tenancy.purge_operator_actions(keep_days integer, most integer) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = ''
AS $$
DECLARE
    removed integer;
BEGIN
    DELETE FROM tenancy.operator_actions a WHERE a.id IN (
        SELECT o.id FROM tenancy.operator_actions o
        WHERE o.acted_at < pg_catalog.now() - pg_catalog.make_interval(days => greatest(keep_days, 365))
        ORDER BY o.acted_at LIMIT most
    );
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END
$$;
INSERT INTO tenancy.definer_functions VALUES
    ('tenancy.purge_operator_actions(integer, integer)', 'old entries of the record of operators'' actions are removed');
GRANT SELECT, DELETE ON tenancy.operator_actions TO rowhouse_definer;
GRANT CREATE ON SCHEMA tenancy TO rowhouse_definer;
ALTER FUNCTION tenancy.purge_operator_actions(integer, integer) OWNER TO rowhouse_definer;
REVOKE CREATE ON SCHEMA tenancy FROM rowhouse_definer;
GRANT EXECUTE ON FUNCTION tenancy.purge_operator_actions(integer, integer) TO rowhouse_auth;

-- Of so many tenants that come after `after`, removes the record of a set-up that ended so many days ago. Answers with the last one
-- that was looked at; null when there is none left.
CREATE FUNCTION onboarding.purge_onboardings(after uuid, tenants integer, keep_days integer) RETURNS uuid
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

-- Removes the keys of sign-ups that nobody repeats any more. Answers with their number.
CREATE FUNCTION onboarding.purge_keys(keep_days integer, most integer) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = ''
AS $$
DECLARE
    removed integer;
BEGIN
    DELETE FROM onboarding.idempotency_keys k WHERE k.key_digest IN (
        SELECT o.key_digest FROM onboarding.idempotency_keys o
        WHERE o.created_at < pg_catalog.now() - pg_catalog.make_interval(days => greatest(keep_days, 7))
        LIMIT most
    );
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END
$$;
INSERT INTO tenancy.definer_functions VALUES
    ('onboarding.purge_onboardings(uuid, integer, integer)', 'records of set-ups that ended long ago are removed, tenant by tenant'),
    ('onboarding.purge_keys(integer, integer)', 'keys of sign-ups precede their tenant, and old ones are removed');
GRANT SELECT, DELETE ON onboarding.onboardings TO rowhouse_definer;
GRANT CREATE ON SCHEMA onboarding TO rowhouse_definer;
ALTER FUNCTION onboarding.purge_onboardings(uuid, integer, integer) OWNER TO rowhouse_definer;
ALTER FUNCTION onboarding.purge_keys(integer, integer) OWNER TO rowhouse_definer;
REVOKE CREATE ON SCHEMA onboarding FROM rowhouse_definer;
GRANT EXECUTE ON FUNCTION onboarding.purge_onboardings(uuid, integer, integer), onboarding.purge_keys(integer, integer)
    TO rowhouse_onboarding;
