-- What a person created does not outlive their right to create it: API keys and invitations end, or are reduced, when
-- their creator leaves, is disabled or gets a lower role.

-- A revoked key is good for nothing, and stays in the list: a person wants to see why a program has stopped working. It expires when it
-- is revoked, so that programs that do not know these columns refuse it too.
ALTER TABLE auth.api_keys
    ADD COLUMN revoked_at timestamptz,
    ADD COLUMN revoke_reason text;
ALTER TABLE auth.api_keys
    ADD CONSTRAINT api_keys_revoke_reason_check CHECK (
        (revoked_at IS NULL) = (revoke_reason IS NULL)
        AND revoke_reason IN ('member_removed', 'role_changed', 'user_disabled')
    ) NOT VALID;
GRANT UPDATE (scopes, expires_at, revoked_at, revoke_reason) ON auth.api_keys TO rowhouse_auth;
GRANT SELECT, UPDATE (expires_at, revoked_at, revoke_reason) ON auth.api_keys TO rowhouse_definer;
GRANT SELECT, DELETE ON auth.invitations TO rowhouse_definer;

-- Ends a person's sessions in all tenants, suspended ones too, except the one to keep, and says so in each one's log. Returns how
-- many it ended. For a change of the password or of a second factor, a person who is disabled, and a person who asks for it.
--
-- No role bypasses row-level security, so it enters one tenant after the other and leaves the context as it found it.
CREATE FUNCTION auth.end_sessions_of(person uuid, reason text, keep uuid) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = ''
AS $$
DECLARE
    entered uuid := tenancy.current_tenant();
    candidate uuid;
    ended_here integer;
    ended_in_all integer := 0;
BEGIN
    FOR candidate IN
        SELECT t.tenant_id FROM auth.tenants_of_users t WHERE t.user_id = person ORDER BY t.tenant_id
    LOOP
        EXECUTE pg_catalog.format('SET LOCAL app.tenant_id = %L', candidate);
        -- In the order in which everybody else locks them.
        PERFORM FROM auth.sessions s
        WHERE s.tenant_id = candidate AND s.user_id = person AND s.ended_at IS NULL AND s.id IS DISTINCT FROM keep
        ORDER BY s.id FOR UPDATE;
        WITH ended AS (
            UPDATE auth.sessions s SET ended_at = pg_catalog.now(), end_reason = reason
            WHERE s.tenant_id = candidate AND s.user_id = person AND s.ended_at IS NULL AND s.id IS DISTINCT FROM keep
            RETURNING s.id
        ), revoked AS (
            INSERT INTO tenancy.token_revocations AS r (tenant_id, id, issued_until)
            SELECT candidate, e.id, 'infinity' FROM ended e
            ON CONFLICT (tenant_id, id) DO UPDATE SET issued_until = 'infinity', created_at = pg_catalog.now()
        )
        INSERT INTO auth.audit_log (tenant_id, id, actor_type, actor_id, action, outcome, target_type, target_id, details)
        SELECT candidate, pg_catalog.gen_random_uuid(), 'system', NULL, 'session.end', 'success', 'session', e.id,
            pg_catalog.jsonb_build_object('reason', reason)
        FROM ended e;
        GET DIAGNOSTICS ended_here = ROW_COUNT;
        ended_in_all := ended_in_all + ended_here;
    END LOOP;
    EXECUTE pg_catalog.format('SET LOCAL app.tenant_id = %L', coalesce(entered::text, ''));
    RETURN ended_in_all;
END
$$;

-- Revokes a disabled person's API keys and invitations in all tenants, suspended ones too, and says so in each one's log. Returns
-- how many there were. Enabling the person again brings none of them back.
CREATE FUNCTION auth.revoke_grants_of(person uuid) RETURNS TABLE (api_keys integer, invitations integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = ''
AS $$
DECLARE
    entered uuid := tenancy.current_tenant();
    candidate uuid;
    keys uuid[];
    invited uuid[];
BEGIN
    api_keys := 0;
    invitations := 0;
    FOR candidate IN
        SELECT t.tenant_id FROM auth.tenants_of_users t WHERE t.user_id = person ORDER BY t.tenant_id
    LOOP
        EXECUTE pg_catalog.format('SET LOCAL app.tenant_id = %L', candidate);
        -- Waits for access tokens that are just being issued, and in the order in which everybody else locks them.
        PERFORM FROM auth.api_keys k
        WHERE k.tenant_id = candidate AND k.created_by = person AND k.revoked_at IS NULL ORDER BY k.id FOR UPDATE;
        WITH revoked AS (
            UPDATE auth.api_keys k
            SET revoked_at = pg_catalog.now(), revoke_reason = 'user_disabled', expires_at = least(k.expires_at, pg_catalog.now())
            WHERE k.tenant_id = candidate AND k.created_by = person AND k.revoked_at IS NULL
            RETURNING k.id, k.name
        ), refused AS (
            INSERT INTO tenancy.token_revocations AS r (tenant_id, id, issued_until)
            SELECT candidate, k.id, 'infinity' FROM revoked k
            ON CONFLICT (tenant_id, id) DO UPDATE SET issued_until = 'infinity', created_at = pg_catalog.now()
        ), logged AS (
            INSERT INTO auth.audit_log (tenant_id, id, actor_type, action, outcome, target_type, target_id, details)
            SELECT candidate, pg_catalog.gen_random_uuid(), 'system', 'api_key.revoke', 'success', 'api_key', k.id,
                pg_catalog.jsonb_build_object('reason', 'user_disabled', 'name', k.name)
            FROM revoked k
        )
        SELECT coalesce(pg_catalog.array_agg(k.id ORDER BY k.id), '{}') INTO keys FROM revoked k;

        WITH removed AS (
            DELETE FROM auth.invitations i WHERE i.tenant_id = candidate AND i.invited_by = person
            RETURNING i.id, i.email, i.role
        ), logged AS (
            INSERT INTO auth.audit_log (tenant_id, id, actor_type, action, outcome, target_type, target_id, details)
            SELECT candidate, pg_catalog.gen_random_uuid(), 'system', 'invitation.revoke', 'success', 'invitation', i.id,
                pg_catalog.jsonb_build_object('reason', 'user_disabled', 'email', i.email, 'role', i.role)
            FROM removed i
        )
        SELECT coalesce(pg_catalog.array_agg(i.id ORDER BY i.id), '{}') INTO invited FROM removed i;

        INSERT INTO auth.audit_log (tenant_id, id, actor_type, action, outcome, target_type, target_id, details)
        SELECT candidate, pg_catalog.gen_random_uuid(), 'system', 'member.disable', 'success', 'member', m.id,
            pg_catalog.jsonb_build_object(
                'user_id', person,
                'revoked_api_keys', pg_catalog.array_to_string(keys, ' '),
                'revoked_invitations', pg_catalog.array_to_string(invited, ' '),
                'kept', 'exports webhook_endpoints'
            )
        FROM auth.memberships m WHERE m.tenant_id = candidate AND m.user_id = person;
        api_keys := api_keys + pg_catalog.cardinality(keys);
        invitations := invitations + pg_catalog.cardinality(invited);
    END LOOP;
    EXECUTE pg_catalog.format('SET LOCAL app.tenant_id = %L', coalesce(entered::text, ''));
    RETURN NEXT;
END
$$;

INSERT INTO tenancy.definer_functions VALUES
    ('auth.end_sessions_of(uuid, text, uuid)', 'a person''s sessions in all of their tenants end, except the one in use'),
    ('auth.revoke_grants_of(uuid)', 'a disabled person''s API keys and invitations end in all of their tenants');
GRANT CREATE ON SCHEMA auth TO rowhouse_definer;
ALTER FUNCTION auth.end_sessions_of(uuid, text, uuid) OWNER TO rowhouse_definer;
ALTER FUNCTION auth.revoke_grants_of(uuid) OWNER TO rowhouse_definer;
REVOKE CREATE ON SCHEMA auth FROM rowhouse_definer;
-- The other one is the operator's.
GRANT EXECUTE ON FUNCTION auth.end_sessions_of(uuid, text, uuid) TO rowhouse_auth;
