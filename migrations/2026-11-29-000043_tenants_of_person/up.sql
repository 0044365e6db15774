-- How many tenants a person is a member of. Until the transaction ends, nobody else counts the same person's: who has added one and counts
-- is not overtaken.
CREATE FUNCTION auth.count_tenants_of(person uuid) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = ''
AS $$
BEGIN
    PERFORM pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('auth.tenants_of_users/' || person::text, 0));
    RETURN (SELECT pg_catalog.count(*) FROM auth.tenants_of_users t WHERE t.user_id = person);
END
$$;

INSERT INTO tenancy.definer_functions VALUES
    ('auth.count_tenants_of(uuid)', 'a person is a member of so many tenants and no more');
GRANT CREATE ON SCHEMA auth TO rowhouse_definer;
ALTER FUNCTION auth.count_tenants_of(uuid) OWNER TO rowhouse_definer;
REVOKE CREATE ON SCHEMA auth FROM rowhouse_definer;
GRANT EXECUTE ON FUNCTION auth.count_tenants_of(uuid) TO rowhouse_auth;
