DELETE FROM tenancy.definer_functions WHERE function_name = 'tenancy.purge_usage(uuid, integer, integer)';
DROP FUNCTION tenancy.purge_usage(uuid, integer, integer);
DROP FUNCTION tenancy.usage_between(date, date);
-- A default cannot be taken from a function.
DROP FUNCTION tenancy.record_usage(uuid[], bigint[], bigint[], bigint[], bigint[], interval);
CREATE FUNCTION tenancy.record_usage(
    tenants uuid[], used_transactions bigint[], used_round_trips bigint[], used_rows bigint[], used_milliseconds bigint[],
    keep interval
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
        DELETE FROM tenancy.usage u
        WHERE u.tenant_id = of_tenant AND u.service = of_service AND u.day < today - greatest(keep, interval '90 days');
    END LOOP;
    EXECUTE 'SET LOCAL app.tenant_id = ''''';
END
$$;
GRANT CREATE ON SCHEMA tenancy TO rowhouse_definer;
ALTER FUNCTION tenancy.record_usage(uuid[], bigint[], bigint[], bigint[], bigint[], interval) OWNER TO rowhouse_definer;
REVOKE CREATE ON SCHEMA tenancy FROM rowhouse_definer;
GRANT EXECUTE ON FUNCTION tenancy.record_usage(uuid[], bigint[], bigint[], bigint[], bigint[], interval) TO rowhouse_auth, rowhouse_onboarding, rowhouse_orders;
