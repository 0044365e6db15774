-- What `auth.admit` did, and when it counted: by that moment an attempt that nobody has looked at can be taken back.
--
-- An attempt that is refused writes no row, and is mostly refused without a lock: a flood is what it is for.
--
-- `wait`: the seconds until an attempt will be looked at; 0 when this one is. `first`: it is the first one that is refused.
-- `counted_at`: null when it is refused.
CREATE FUNCTION auth.count_attempt(keys bytea[], free integer[])
RETURNS TABLE (wait integer, first boolean, counted_at timestamptz)
LANGUAGE plpgsql VOLATILE
SET search_path = ''
AS $$
DECLARE
    moment timestamptz;
    locked boolean := false;
    blocking bytea;
BEGIN
    -- Once without any lock, and once more behind the locks, since others were faster.
    LOOP
        moment := pg_catalog.clock_timestamp();
        SELECT pg_catalog.ceil(extract(epoch FROM a.blocked_until - moment)), a.key, NOT a.refused
        INTO wait, blocking, first
        FROM auth.attempts a WHERE a.key = ANY (keys) AND a.blocked_until > moment
        ORDER BY a.blocked_until DESC, a.key LIMIT 1;
        IF FOUND THEN
            IF first THEN
                -- Of several at once one is the first.
                UPDATE auth.attempts a SET refused = true WHERE a.key = blocking AND NOT a.refused;
                first := FOUND;
            END IF;
            RETURN NEXT;
            RETURN;
        END IF;
        EXIT WHEN locked;
        PERFORM auth.lock_keys(keys);
        -- Who takes an attempt back locks rows alone.
        PERFORM FROM auth.attempts a WHERE a.key = ANY (keys) ORDER BY a.key FOR UPDATE;
        locked := true;
    END LOOP;
    INSERT INTO auth.attempts AS a (key, failures, last_at, blocked_until)
    SELECT k.key, n.failures, moment,
        CASE
            WHEN n.failures < k.free THEN '-infinity'::timestamptz
            ELSE moment + pg_catalog.make_interval(secs => least(2.0 ^ least(n.failures - k.free, 10), 900))
        END
    FROM unnest(keys, free) AS k (key, free)
    LEFT JOIN auth.attempts b ON b.key = k.key
    CROSS JOIN LATERAL (
        SELECT CASE WHEN b.last_at >= moment - interval '1 hour' THEN b.failures + 1 ELSE 1 END AS failures
    ) n
    ORDER BY k.key
    ON CONFLICT (key) DO UPDATE
        SET failures = excluded.failures, last_at = excluded.last_at, blocked_until = excluded.blocked_until, refused = false;
    wait := 0;
    first := false;
    counted_at := moment;
    RETURN NEXT;
END
$$;
GRANT EXECUTE ON FUNCTION auth.count_attempt(bytea[], integer[]) TO rowhouse_auth;

-- For programs of the release before.
CREATE OR REPLACE FUNCTION auth.admit(keys bytea[], free integer[]) RETURNS TABLE (wait integer, first boolean)
LANGUAGE sql VOLATILE
SET search_path = ''
AS $$ SELECT c.wait, c.first FROM auth.count_attempt(keys, free) c $$;

-- Takes one attempt back that nobody has looked at: one less, and no wait for the next, unless others were counted since. What
-- they were counted for stays, so nobody clears a counter by this.
CREATE FUNCTION auth.take_back(keys bytea[], counted_at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = ''
AS $$
DECLARE
    locked bytea[];
BEGIN
    -- Changes nothing but what is locked: who has locked a row that was forgiven and counted anew in between may wait for these.
    SELECT pg_catalog.array_agg(l.key) INTO locked
    FROM (SELECT a.key FROM auth.attempts a WHERE a.key = ANY (keys) ORDER BY a.key FOR UPDATE) l;
    UPDATE auth.attempts a
    SET failures = a.failures - 1,
        blocked_until = CASE WHEN a.last_at = counted_at THEN '-infinity' ELSE a.blocked_until END
    WHERE a.key = ANY (locked) AND a.failures > 0;
END
$$;
GRANT EXECUTE ON FUNCTION auth.take_back(bytea[], timestamptz) TO rowhouse_auth;

-- Removes what is of no use any more: of the tenants that come after `after`, of so many of them and so many rows at most. Answers
-- with the last tenant that is done with, from which to go on; null when there is none left.
--
-- No role bypasses row-level security, so it enters one tenant after the other. In the background: no login waits for it.
CREATE FUNCTION auth.purge_expired(after uuid, tenants integer, most integer) RETURNS uuid
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
                LIMIT $2)$sql$
        ] LOOP
            EXECUTE expired USING candidate, most;
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

-- For programs of the release before, which call both.
CREATE OR REPLACE FUNCTION auth.purge_sessions(after uuid, tenants integer, most integer) RETURNS uuid
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = ''
AS $$ SELECT auth.purge_expired(after, tenants, most) $$;
CREATE OR REPLACE FUNCTION auth.purge_answers(after uuid, tenants integer, most integer) RETURNS uuid
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = ''
AS $$ SELECT auth.purge_expired(after, tenants, most) $$;

-- One more reason: a mailed link has given an account to whoever reads the mail of its address, which nobody had confirmed. Not
-- looked at for the old rows, which satisfy the list that it replaces.
ALTER TABLE auth.api_keys DROP CONSTRAINT api_keys_revoke_reason_check;
ALTER TABLE auth.api_keys
    ADD CONSTRAINT api_keys_revoke_reason_check CHECK (
        (revoked_at IS NULL) = (revoke_reason IS NULL)
        AND revoke_reason IN ('member_removed', 'role_changed', 'user_disabled', 'account_recovered')
    ) NOT VALID;

-- Revokes a person's API keys and invitations in all tenants, suspended ones too, and says so in each one's log. Returns how many
-- there were. Enabling a disabled person again brings none of them back.
CREATE FUNCTION auth.revoke_grants_of(person uuid, reason text) RETURNS TABLE (api_keys integer, invitations integer)
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
            SET revoked_at = pg_catalog.now(), revoke_reason = reason, expires_at = least(k.expires_at, pg_catalog.now())
            WHERE k.tenant_id = candidate AND k.created_by = person AND k.revoked_at IS NULL
            RETURNING k.id, k.name
        ), refused AS (
            INSERT INTO tenancy.token_revocations AS r (tenant_id, id, issued_until)
            SELECT candidate, k.id, 'infinity' FROM revoked k
            ON CONFLICT (tenant_id, id) DO UPDATE SET issued_until = 'infinity', created_at = pg_catalog.now()
        ), logged AS (
            INSERT INTO auth.audit_log (tenant_id, id, actor_type, action, outcome, target_type, target_id, details)
            SELECT candidate, pg_catalog.gen_random_uuid(), 'system', 'api_key.revoke', 'success', 'api_key', k.id,
                pg_catalog.jsonb_build_object('reason', reason, 'name', k.name)
            FROM revoked k
        )
        SELECT coalesce(pg_catalog.array_agg(k.id ORDER BY k.id), '{}') INTO keys FROM revoked k;

        WITH removed AS (
            DELETE FROM auth.invitations i WHERE i.tenant_id = candidate AND i.invited_by = person
            RETURNING i.id, i.email, i.role
        ), logged AS (
            INSERT INTO auth.audit_log (tenant_id, id, actor_type, action, outcome, target_type, target_id, details)
            SELECT candidate, pg_catalog.gen_random_uuid(), 'system', 'invitation.revoke', 'success', 'invitation', i.id,
                pg_catalog.jsonb_build_object('reason', reason, 'email', i.email, 'role', i.role)
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
        FROM auth.memberships m
        WHERE reason = 'user_disabled' AND m.tenant_id = candidate AND m.user_id = person;
        api_keys := api_keys + pg_catalog.cardinality(keys);
        invitations := invitations + pg_catalog.cardinality(invited);
    END LOOP;
    EXECUTE pg_catalog.format('SET LOCAL app.tenant_id = %L', coalesce(entered::text, ''));
    RETURN NEXT;
END
$$;

-- The operator's: `rowhouse user disable`.
CREATE OR REPLACE FUNCTION auth.revoke_grants_of(person uuid) RETURNS TABLE (api_keys integer, invitations integer)
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = ''
AS $$ SELECT r.api_keys, r.invitations FROM auth.revoke_grants_of(person, 'user_disabled') r $$;

-- Auth's: it disables nobody.
CREATE FUNCTION auth.recover_account(person uuid) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = ''
AS $$ SELECT FROM auth.revoke_grants_of(person, 'account_recovered') $$;

INSERT INTO tenancy.definer_functions VALUES
    ('auth.purge_expired(uuid, integer, integer)', 'what is of no use any more is removed, tenant by tenant'),
    ('auth.revoke_grants_of(uuid, text)', 'a person''s API keys and invitations end in all of their tenants'),
    ('auth.recover_account(uuid)', 'what somebody made in another''s name ends in all of the account''s tenants');
GRANT CREATE ON SCHEMA auth TO rowhouse_definer;
ALTER FUNCTION auth.purge_expired(uuid, integer, integer) OWNER TO rowhouse_definer;
ALTER FUNCTION auth.revoke_grants_of(uuid, text) OWNER TO rowhouse_definer;
ALTER FUNCTION auth.recover_account(uuid) OWNER TO rowhouse_definer;
REVOKE CREATE ON SCHEMA auth FROM rowhouse_definer;
GRANT EXECUTE ON FUNCTION auth.purge_expired(uuid, integer, integer), auth.recover_account(uuid) TO rowhouse_auth;
