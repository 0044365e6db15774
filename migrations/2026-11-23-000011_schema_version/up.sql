-- Which programs the schema still serves. A migration that takes away what older programs use raises it: the third step of
-- expand, backfill, contract.
CREATE TABLE tenancy.schema_compatibility (
    -- There is one row.
    id boolean PRIMARY KEY DEFAULT true CHECK (id),
    -- The version of a migration, in digits. A program whose newest migration (contract migrations aside) is an older one
    -- refuses to start.
    oldest_supported text NOT NULL CHECK (oldest_supported ~ '^[0-9]{14}$')
);
INSERT INTO tenancy.schema_compatibility (oldest_supported) VALUES ('20261123000011');
INSERT INTO tenancy.global_tables VALUES
    ('tenancy.schema_compatibility', 'the schema is the same for all tenants; reached only through tenancy.schema_version()');
GRANT SELECT (oldest_supported) ON tenancy.schema_compatibility TO rowhouse_definer;

-- The list of migrations is diesel's, in a schema that is closed to the services. `rowhouse migrate` opens the schema itself
-- to rowhouse_definer before it runs any migration.
GRANT SELECT (version) ON public.__diesel_schema_migrations TO rowhouse_definer;

-- What a service asks at its start. Both versions are digits, in order as texts.
CREATE FUNCTION tenancy.schema_version() RETURNS TABLE (newest text, oldest_supported text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = ''
AS $$
    SELECT pg_catalog.max(m.version COLLATE pg_catalog."C")::text, c.oldest_supported
    FROM tenancy.schema_compatibility c CROSS JOIN public.__diesel_schema_migrations m
    GROUP BY c.oldest_supported
$$;

INSERT INTO tenancy.definer_functions VALUES
    ('tenancy.schema_version()', 'a service''s start: is the schema neither too old nor too new for it');
GRANT CREATE ON SCHEMA tenancy TO rowhouse_definer;
ALTER FUNCTION tenancy.schema_version() OWNER TO rowhouse_definer;
REVOKE CREATE ON SCHEMA tenancy FROM rowhouse_definer;
GRANT EXECUTE ON FUNCTION tenancy.schema_version() TO rowhouse_auth, rowhouse_onboarding, rowhouse_orders;
