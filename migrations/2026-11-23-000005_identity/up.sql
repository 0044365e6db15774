-- What access tokens are refused although they have not expired: those of an ended session, of a deleted API key, of
-- a member whose role has changed. A row is of no use once the last such token has expired.
CREATE TABLE tenancy.token_revocations (
    tenant_id uuid NOT NULL,
    -- The token's `sid`: a session or an API key.
    id uuid NOT NULL,
    -- Tokens that were issued up to then are refused; infinity for what has ended.
    issued_until timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id)
);
CALL tenancy.protect('tenancy.token_revocations');
GRANT SELECT ON tenancy.token_revocations TO rowhouse_auth, rowhouse_onboarding, rowhouse_orders, rowhouse_definer;
GRANT INSERT, UPDATE (issued_until, created_at), DELETE ON tenancy.token_revocations TO rowhouse_auth;
GRANT INSERT, UPDATE (issued_until, created_at) ON tenancy.token_revocations TO rowhouse_definer;

-- The one way into a tenant, now with the session that the caller's token belongs to, so that what ends a session
-- ends its access tokens at the same moment, in every service, without a round trip more.
--
-- `session` and `issued_at` (seconds since 1970) are the token's `sid` and `iat`; nobody's when the system acts by itself.
--
-- SET LOCAL by EXECUTE and not set_config(): Citus forwards the one to its shards and not the other.
--
-- Security invoker: the directory's row is read through its own policy, in the context just set, so
-- nothing here sees another tenant. A refusal aborts the transaction and takes the context with it.
--
-- Errors: RH001 no such tenant, RH002 tenant suspended, RH003 another tenant's context is set already, RH005 the token was
-- revoked. Each also carries a constraint's name, which is what diesel hands on (it keeps no SQLSTATE).
DROP FUNCTION tenancy.set_tenant_context(uuid);
CREATE FUNCTION tenancy.set_tenant_context(tenant uuid, session uuid DEFAULT NULL, issued_at bigint DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    entered uuid := tenancy.current_tenant();
    tenant_status text;
    revoked boolean;
BEGIN
    IF entered IS NOT NULL AND entered IS DISTINCT FROM tenant THEN
        RAISE EXCEPTION 'the transaction belongs to another tenant'
            USING ERRCODE = 'RH003', CONSTRAINT = 'one_tenant_per_transaction';
    END IF;
    EXECUTE pg_catalog.format('SET LOCAL app.tenant_id = %L', coalesce(tenant::text, ''));
    SELECT t.status, EXISTS (
        SELECT FROM tenancy.token_revocations r
        WHERE r.tenant_id = tenant AND r.id = session
            AND r.issued_until >= pg_catalog.to_timestamp(issued_at::double precision)
    )
    INTO tenant_status, revoked
    FROM tenancy.tenants t WHERE t.id = tenant;
    IF tenant_status IS NULL THEN
        RAISE EXCEPTION 'there is no such tenant' USING ERRCODE = 'RH001', CONSTRAINT = 'tenant_exists';
    ELSIF tenant_status = 'suspended' THEN
        RAISE EXCEPTION 'the tenant is suspended' USING ERRCODE = 'RH002', CONSTRAINT = 'tenant_not_suspended';
    ELSIF revoked THEN
        RAISE EXCEPTION 'the token was revoked' USING ERRCODE = 'RH005', CONSTRAINT = 'token_not_revoked';
    END IF;
END
$$;
GRANT EXECUTE ON FUNCTION tenancy.set_tenant_context(uuid, uuid, bigint)
    TO rowhouse_auth, rowhouse_onboarding, rowhouse_orders;

ALTER TABLE auth.identities
    -- Nobody logs in to an identity without a password; a mailed link sets one.
    ALTER COLUMN password_hash DROP NOT NULL,
    ADD COLUMN email_verified_at timestamptz,
    -- An operator's doing: the person can log in nowhere.
    ADD COLUMN disabled_at timestamptz;
GRANT UPDATE (email_verified_at) ON auth.identities TO rowhouse_auth;

-- A person's second factor.
CREATE TABLE auth.totp (
    user_id uuid PRIMARY KEY REFERENCES auth.identities (id) ON DELETE CASCADE,
    -- Encrypted with a key that the database does not have.
    sealed_secret bytea NOT NULL,
    -- Null until a first code has shown that the person's device has the secret; it does not count before.
    confirmed_at timestamptz,
    -- The time step (RFC 6238) of the last code that was taken: no code is good twice.
    last_step bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE auth.recovery_codes (
    user_id uuid NOT NULL REFERENCES auth.totp (user_id) ON DELETE CASCADE,
    -- SHA-256; the codes are random enough for it. A code that was used is gone.
    digest bytea NOT NULL CHECK (octet_length(digest) = 32),
    PRIMARY KEY (user_id, digest)
);
-- The tokens of mailed links. Each is gone once it was used.
CREATE TABLE auth.one_time_tokens (
    -- SHA-256 of the token.
    digest bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
    user_id uuid NOT NULL REFERENCES auth.identities (id) ON DELETE CASCADE,
    purpose text NOT NULL CHECK (purpose IN ('verify_email', 'set_password')),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX one_time_tokens_user_id_idx ON auth.one_time_tokens (user_id, purpose);
CREATE INDEX one_time_tokens_expires_at_idx ON auth.one_time_tokens (expires_at);

-- Attempts that count against an account, an address, a tenant, or an account from one address.
CREATE TABLE auth.attempts (
    -- A keyed digest of what is counted, which can't be guessed back from the table.
    key bytea PRIMARY KEY CHECK (octet_length(key) = 32),
    failures integer NOT NULL,
    last_at timestamptz NOT NULL,
    -- No attempt is looked at before.
    blocked_until timestamptz NOT NULL,
    -- Whether an attempt has been turned away since the last one that was looked at.
    refused boolean NOT NULL DEFAULT false
);
CREATE INDEX attempts_last_at_idx ON auth.attempts (last_at);

-- Counts an attempt against all of its keys, before it is looked at, so that many at once count as well as one after the
-- other. A key lets so many attempts through as `free` says; each further one doubles the wait for the next, up to a
-- quarter of an hour. What was counted is forgotten an hour after the last attempt.
--
-- `wait`: the seconds until an attempt will be looked at; 0 when this one is. `first`: it is the first one that is turned away.
CREATE FUNCTION auth.admit(keys bytea[], free integer[]) RETURNS TABLE (wait integer, first boolean)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    moment timestamptz;
BEGIN
    -- Always in the same order, so that no two attempts wait for each other.
    INSERT INTO auth.attempts AS a (key, failures, last_at, blocked_until)
    SELECT k.key, 0, pg_catalog.now(), '-infinity' FROM unnest(keys) AS k (key) ORDER BY k.key
    ON CONFLICT DO NOTHING;
    PERFORM FROM auth.attempts a WHERE a.key = ANY (keys) ORDER BY a.key FOR UPDATE;
    moment := pg_catalog.clock_timestamp();
    SELECT pg_catalog.ceil(extract(epoch FROM pg_catalog.max(a.blocked_until) - moment)),
        NOT pg_catalog.bool_or(a.refused)
    INTO wait, first
    FROM auth.attempts a WHERE a.key = ANY (keys) AND a.blocked_until > moment;
    IF wait IS NOT NULL THEN
        UPDATE auth.attempts a SET refused = true WHERE a.key = ANY (keys) AND a.blocked_until > moment AND NOT a.refused;
        RETURN NEXT;
        RETURN;
    END IF;
    UPDATE auth.attempts a
    SET failures = n.failures, last_at = moment, refused = false,
        blocked_until = CASE
            WHEN n.failures < k.free THEN '-infinity'::timestamptz
            ELSE moment + pg_catalog.make_interval(secs => least(2.0 ^ least(n.failures - k.free, 10), 900))
        END
    FROM unnest(keys, free) AS k (key, free),
        LATERAL (
            SELECT CASE WHEN b.last_at < moment - interval '1 hour' THEN 1 ELSE b.failures + 1 END AS failures
            FROM auth.attempts b WHERE b.key = k.key
        ) AS n
    WHERE a.key = k.key;
    wait := 0;
    first := false;
    RETURN NEXT;
END
$$;
GRANT EXECUTE ON FUNCTION auth.admit(bytea[], integer[]) TO rowhouse_auth;
-- Addresses from which an account was logged in to: what strangers do to the account does not slow these down.
CREATE TABLE auth.familiar_addresses (
    -- A keyed digest of the account and the address.
    key bytea PRIMARY KEY CHECK (octet_length(key) = 32),
    last_at timestamptz NOT NULL
);
CREATE INDEX familiar_addresses_last_at_idx ON auth.familiar_addresses (last_at);

-- What remains to be done after a transaction, and must not be forgotten: a mail to send, an event to write to the logs of
-- a person's tenants. Done by whoever comes first, and then removed.
CREATE TABLE auth.outbox (
    id uuid PRIMARY KEY,
    -- Encrypted with a key that the database does not have: there are one-time links in it.
    sealed_task bytea NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX outbox_due_at_idx ON auth.outbox (due_at);

INSERT INTO tenancy.global_tables VALUES
    ('auth.totp', 'a person has one second factor for all tenants'),
    ('auth.recovery_codes', 'a person has one second factor for all tenants'),
    ('auth.one_time_tokens', 'a person''s address and password belong to no tenant'),
    ('auth.attempts', 'attempts to log in precede the tenant'),
    ('auth.familiar_addresses', 'attempts to log in precede the tenant'),
    ('auth.outbox', 'mail goes to persons, before and after they are in a tenant');
GRANT SELECT, INSERT, DELETE, UPDATE (sealed_secret, confirmed_at, last_step, created_at) ON auth.totp TO rowhouse_auth;
GRANT SELECT, INSERT, DELETE ON auth.recovery_codes, auth.one_time_tokens TO rowhouse_auth;
GRANT SELECT, INSERT, DELETE, UPDATE (failures, last_at, blocked_until, refused) ON auth.attempts TO rowhouse_auth;
GRANT SELECT, INSERT, DELETE, UPDATE (last_at) ON auth.familiar_addresses TO rowhouse_auth;
GRANT SELECT, INSERT, DELETE, UPDATE (attempts, due_at) ON auth.outbox TO rowhouse_auth;

GRANT UPDATE (role), DELETE ON auth.memberships TO rowhouse_auth;

-- A login, and what came of it: one chain of refresh tokens.
CREATE TABLE auth.sessions (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL CONSTRAINT sessions_user_id_fkey REFERENCES auth.identities (id),
    -- SHA-256 of the one refresh token that is good, and of the one that it replaced.
    token_digest bytea NOT NULL CHECK (octet_length(token_digest) = 32),
    previous_digest bytea CHECK (octet_length(previous_digest) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    -- The login, or the last time that the refresh token was exchanged.
    last_used_at timestamptz NOT NULL DEFAULT now(),
    -- The session ends when it was not used until then, and in any case at the second.
    idle_expires_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    end_reason text CHECK (end_reason IN (
        'logout', 'switched', 'revoked', 'token_reused', 'removed', 'password_changed', 'disabled'
    )),
    ip_address text CHECK (char_length(ip_address) <= 45),
    user_agent text CHECK (char_length(user_agent) <= 200),
    PRIMARY KEY (tenant_id, id),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);
CREATE INDEX sessions_user_id_idx ON auth.sessions (tenant_id, user_id, id) WHERE ended_at IS NULL;
CREATE INDEX sessions_expires_at_idx ON auth.sessions (tenant_id, expires_at);
CALL tenancy.protect('auth.sessions');
GRANT SELECT, INSERT, DELETE,
    UPDATE (token_digest, previous_digest, last_used_at, idle_expires_at, ended_at, end_reason, ip_address, user_agent)
    ON auth.sessions TO rowhouse_auth;

CREATE TABLE auth.invitations (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    email text NOT NULL CHECK (char_length(email) BETWEEN 3 AND 254),
    role text NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'viewer')),
    -- SHA-256 of the mailed token.
    token_digest bytea NOT NULL CHECK (octet_length(token_digest) = 32),
    -- Null when the system invited: a tenant's first owner.
    invited_by uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    -- One that was accepted or taken back is gone; the audit log keeps it.
    CONSTRAINT invitations_email_key UNIQUE (tenant_id, email)
);
CALL tenancy.protect('auth.invitations');
GRANT SELECT, INSERT, DELETE, UPDATE (role, token_digest, invited_by, created_at, expires_at)
    ON auth.invitations TO rowhouse_auth;

CREATE TABLE auth.api_keys (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    -- The key's last characters, by which a person recognises it.
    hint text NOT NULL,
    -- SHA-256 of the key.
    digest bytea NOT NULL CHECK (octet_length(digest) = 32),
    scopes text[] NOT NULL CHECK (cardinality(scopes) > 0),
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    last_used_at timestamptz,
    PRIMARY KEY (tenant_id, id)
);
CALL tenancy.protect('auth.api_keys');
GRANT SELECT, INSERT, DELETE, UPDATE (last_used_at) ON auth.api_keys TO rowhouse_auth;

-- Append-only: nobody who serves requests may change or remove a row.
CREATE TABLE auth.audit_log (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    occurred_at timestamptz NOT NULL DEFAULT now(),
    actor_type text NOT NULL CHECK (actor_type IN ('user', 'api_key', 'system', 'anonymous')),
    actor_id uuid,
    action text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('success', 'failure', 'denied')),
    target_type text,
    target_id uuid,
    ip_address text CHECK (char_length(ip_address) <= 45),
    user_agent text CHECK (char_length(user_agent) <= 200),
    -- Texts by name.
    details jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX audit_log_occurred_at_idx ON auth.audit_log (tenant_id, occurred_at, id);
CREATE INDEX audit_log_action_idx ON auth.audit_log (tenant_id, action, occurred_at, id);
CALL tenancy.protect('auth.audit_log');
GRANT SELECT, INSERT ON auth.audit_log TO rowhouse_auth;

-- Ends a person's sessions in all tenants, suspended ones too, and says so in each one's log: after a change of the
-- password, or when an operator disables the person.
--
-- No role bypasses row-level security, so it enters one tenant after the other and leaves the context as it found it.
CREATE FUNCTION auth.end_sessions_of(person uuid, reason text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = ''
AS $$
DECLARE
    entered uuid := tenancy.current_tenant();
    candidate uuid;
BEGIN
    FOR candidate IN
        SELECT t.tenant_id FROM auth.tenants_of_users t WHERE t.user_id = person ORDER BY t.tenant_id
    LOOP
        EXECUTE pg_catalog.format('SET LOCAL app.tenant_id = %L', candidate);
        -- In the order in which everybody else locks them.
        PERFORM FROM auth.sessions s
        WHERE s.tenant_id = candidate AND s.user_id = person AND s.ended_at IS NULL ORDER BY s.id FOR UPDATE;
        WITH ended AS (
            UPDATE auth.sessions s SET ended_at = pg_catalog.now(), end_reason = reason
            WHERE s.tenant_id = candidate AND s.user_id = person AND s.ended_at IS NULL
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
    END LOOP;
    EXECUTE pg_catalog.format('SET LOCAL app.tenant_id = %L', coalesce(entered::text, ''));
END
$$;
GRANT SELECT, UPDATE (ended_at, end_reason) ON auth.sessions TO rowhouse_definer;
GRANT INSERT ON auth.audit_log TO rowhouse_definer;

INSERT INTO tenancy.definer_functions VALUES
    ('auth.end_sessions_of(uuid, text)', 'a changed password ends a person''s sessions in all of their tenants');
GRANT CREATE ON SCHEMA auth TO rowhouse_definer;
ALTER FUNCTION auth.end_sessions_of(uuid, text) OWNER TO rowhouse_definer;
REVOKE CREATE ON SCHEMA auth FROM rowhouse_definer;
GRANT EXECUTE ON FUNCTION auth.end_sessions_of(uuid, text) TO rowhouse_auth;
