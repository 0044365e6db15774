-- Counts an attempt against all of its keys, before it is looked at, so that many at once count as well as one after the
-- other. A key lets so many attempts through as `free` says; each further one doubles the wait for the next, up to a
-- quarter of an hour. What was counted is forgotten an hour after the last attempt.
--
-- Now an attempt that is refused writes no row, and is mostly refused without a lock: a flood is what it is for.
--
-- `wait`: the seconds until an attempt will be looked at; 0 when this one is. `first`: it is the first one that is refused.
CREATE OR REPLACE FUNCTION auth.admit(keys bytea[], free integer[]) RETURNS TABLE (wait integer, first boolean)
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
    RETURN NEXT;
END
$$;

-- Locks what keys stand for until the transaction ends, always in the same order, so that no two wait for each other. A row that
-- is not there yet cannot be locked.
CREATE FUNCTION auth.lock_keys(keys bytea[]) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = ''
AS $$
    SELECT pg_catalog.count(pg_catalog.pg_advisory_xact_lock(l.half))
    FROM (
        SELECT ('x' || pg_catalog.encode(pg_catalog.substr(k.key, 1, 8), 'hex'))::bit(64)::bigint AS half
        FROM unnest(keys) AS k (key) ORDER BY 1
    ) l
$$;
GRANT EXECUTE ON FUNCTION auth.lock_keys(bytea[]) TO rowhouse_auth;

-- What may happen so many times at once, and once more each time that some time has passed: messages, sign-ups. A row is of
-- no use when its moment has come.
CREATE TABLE auth.allowances (
    -- A keyed digest of what is counted, which can't be guessed back from the table.
    key bytea PRIMARY KEY CHECK (octet_length(key) = 32),
    -- When nothing is counted any more.
    full_at timestamptz NOT NULL
);
CREATE INDEX allowances_full_at_idx ON auth.allowances (full_at);
INSERT INTO tenancy.global_tables VALUES
    ('auth.allowances', 'messages and sign-ups precede the tenant, and are counted for persons and networks across tenants');
GRANT SELECT, INSERT, DELETE, UPDATE (full_at) ON auth.allowances TO rowhouse_auth;

-- Counts something under all of its keys (GCRA), or under none if one of them has no room: `at_once` are let through at once,
-- and one more each time that `every` seconds have passed. The seconds until there is room; 0 when it was counted. What is
-- refused writes nothing.
CREATE FUNCTION auth.spend(keys bytea[], at_once integer[], every double precision[]) RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = ''
AS $$
DECLARE
    moment timestamptz;
    locked boolean := false;
    wait double precision;
BEGIN
    -- Once without any lock, and once more behind the locks, since others were faster.
    LOOP
        moment := pg_catalog.clock_timestamp();
        SELECT pg_catalog.max(extract(epoch FROM a.full_at - moment) - k.every * (k.at_once - 1))
        INTO wait
        FROM unnest(keys, at_once, every) AS k (key, at_once, every) JOIN auth.allowances a ON a.key = k.key;
        IF wait > 0 THEN
            RETURN pg_catalog.ceil(wait);
        END IF;
        EXIT WHEN locked;
        PERFORM auth.lock_keys(keys);
        locked := true;
    END LOOP;
    INSERT INTO auth.allowances AS a (key, full_at)
    SELECT k.key, moment + pg_catalog.make_interval(secs => k.every)
    FROM unnest(keys, every) AS k (key, every) ORDER BY k.key
    ON CONFLICT (key) DO UPDATE
        SET full_at = greatest(a.full_at, moment) + (excluded.full_at - moment);
    RETURN 0;
END
$$;
GRANT EXECUTE ON FUNCTION auth.spend(bytea[], integer[], double precision[]) TO rowhouse_auth;
