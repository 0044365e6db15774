CREATE OR REPLACE FUNCTION auth.admit(keys bytea[], free integer[]) RETURNS TABLE (wait integer, first boolean)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    moment timestamptz;
BEGIN
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
DROP FUNCTION auth.spend(bytea[], integer[], double precision[]);
DELETE FROM tenancy.global_tables WHERE table_name = 'auth.allowances';
DROP TABLE auth.allowances;
DROP FUNCTION auth.lock_keys(bytea[]);
