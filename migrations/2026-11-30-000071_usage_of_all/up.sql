-- What the tenants used: listed for operators, and removed after a retention, also of tenants that use nothing any more.

-- What each tenant used of each service between two days, both of which are included.
--
-- The owner, who calls it, is subject to row-level security, so it enters one tenant after the other.
CREATE FUNCTION tenancy.usage_between(first_day date, last_day date)
RETURNS TABLE (tenant_id uuid, service text, transactions bigint, round_trips bigint, rows bigint, milliseconds bigint)
LANGUAGE plpgsql VOLATILE
SET search_path = ''
AS $$
DECLARE
    entered uuid := tenancy.current_tenant();
    candidate uuid;
BEGIN
    FOR candidate IN SELECT i.tenant_id FROM tenancy.tenant_ids i ORDER BY i.tenant_id LOOP
        EXECUTE pg_catalog.format('SET LOCAL app.tenant_id = %L', candidate);
        RETURN QUERY
            SELECT candidate, u.service, pg_catalog.sum(u.transactions)::bigint, pg_catalog.sum(u.round_trips)::bigint,
                pg_catalog.sum(u.rows)::bigint, pg_catalog.sum(u.milliseconds)::bigint
            FROM tenancy.usage u WHERE u.tenant_id = candidate AND u.day BETWEEN first_day AND last_day
            GROUP BY u.service;
    END LOOP;
    EXECUTE pg_catalog.format('SET LOCAL app.tenant_id = %L', coalesce(entered::text, ''));
END
$$;

-- Of so many tenants that come after `after`, removes the days before the last `keep_days`, 90 at least. Answers with the last tenant
-- that was looked at; null when there is none left.
CREATE FUNCTION tenancy.purge_usage(after uuid, tenants integer, keep_days integer) RETURNS uuid
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
        DELETE FROM tenancy.usage u
        WHERE u.tenant_id = candidate
            AND u.day < (pg_catalog.now() AT TIME ZONE 'UTC')::date - greatest(keep_days, 90);
        done := candidate;
        seen := seen + 1;
    END LOOP;
    EXECUTE 'SET LOCAL app.tenant_id = ''''';
    RETURN CASE WHEN seen = tenants THEN done END;
END
$$;
INSERT INTO tenancy.definer_functions VALUES
    ('tenancy.purge_usage(uuid, integer, integer)', 'what was used long ago is removed, tenant by tenant');
GRANT CREATE ON SCHEMA tenancy TO rowhouse_definer;
ALTER FUNCTION tenancy.purge_usage(uuid, integer, integer) OWNER TO rowhouse_definer;
REVOKE CREATE ON SCHEMA tenancy FROM rowhouse_definer;
GRANT EXECUTE ON FUNCTION tenancy.purge_usage(uuid, integer, integer) TO rowhouse_auth;

-- Adds to today's usage of each of these tenants. The service is the caller's. `keep` has no effect: programs of before, which pass it,
-- removed old days here.
--
-- No role bypasses row-level security, so it enters one tenant after the other.
CREATE OR REPLACE FUNCTION tenancy.record_usage(
    tenants uuid[], used_transactions bigint[], used_round_trips bigint[], used_rows bigint[], used_milliseconds bigint[],
    keep interval DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = ''
AS $$
DECLARE
    of_service text := pg_catalog.replace(session_user::text, 'rowhouse_', '');
    today date := (pg_catalog.now() AT TIME ZONE 'UTC')::date;
    row_id text := pg_catalog.format('%s %s', today, of_service);
    of_tenant uuid;
BEGIN
    -- Counts that a crash of the server forgets are no loss: nobody has to wait until they are on disk.
    PERFORM pg_catalog.set_config('synchronous_commit', 'off', true);
    FOR place IN 1..pg_catalog.cardinality(tenants) LOOP
        of_tenant := tenants[place];
        EXECUTE pg_catalog.format('SET LOCAL app.tenant_id = %L', of_tenant);
        INSERT INTO tenancy.usage AS u (tenant_id, id, day, service, transactions, round_trips, rows, milliseconds)
        SELECT t.id, row_id, today, of_service, greatest(used_transactions[place], 0), greatest(used_round_trips[place], 0),
            greatest(used_rows[place], 0), greatest(used_milliseconds[place], 0)
        FROM tenancy.tenants t WHERE t.id = of_tenant
        ON CONFLICT (tenant_id, id) DO UPDATE SET
            transactions = u.transactions + excluded.transactions,
            round_trips = u.round_trips + excluded.round_trips,
            rows = u.rows + excluded.rows,
            milliseconds = u.milliseconds + excluded.milliseconds;
    END LOOP;
    EXECUTE 'SET LOCAL app.tenant_id = ''''';
END
$$;
