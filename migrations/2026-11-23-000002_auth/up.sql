CREATE SCHEMA auth;
GRANT USAGE ON SCHEMA auth TO rowhouse_auth, rowhouse_definer;

-- A person is one identity, whatever the number of tenants.
CREATE TABLE auth.identities (
    id uuid PRIMARY KEY,
    -- Lower case; the service normalises before it compares.
    email text NOT NULL CONSTRAINT identities_email_key UNIQUE CHECK (char_length(email) BETWEEN 3 AND 254),
    -- A bcrypt hash in modular crypt format.
    password_hash text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO tenancy.global_tables VALUES
    ('auth.identities', 'a person belongs to several tenants and has one password');
GRANT SELECT, INSERT, UPDATE (password_hash, updated_at) ON auth.identities TO rowhouse_auth;

CREATE TABLE auth.memberships (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL CONSTRAINT memberships_user_id_fkey REFERENCES auth.identities (id),
    role text NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'viewer')),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT memberships_user_key UNIQUE (tenant_id, user_id)
);
CALL tenancy.protect('auth.memberships');
GRANT SELECT, INSERT ON auth.memberships TO rowhouse_auth;

-- Which tenants a person belongs to, so that login can find them without any role that sees all
-- memberships. Kept by a trigger; no service role may touch it.
CREATE TABLE auth.tenants_of_users (
    user_id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    PRIMARY KEY (user_id, tenant_id)
);
INSERT INTO tenancy.global_tables VALUES
    ('auth.tenants_of_users', 'which tenants a person belongs to; reached only through auth.memberships_of()');
GRANT SELECT, INSERT, DELETE ON auth.tenants_of_users TO rowhouse_definer;

CREATE FUNCTION auth.keep_tenants_of_users() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = ''
AS $$
BEGIN
    IF TG_OP IN ('DELETE', 'UPDATE') THEN
        DELETE FROM auth.tenants_of_users t WHERE t.user_id = OLD.user_id AND t.tenant_id = OLD.tenant_id;
    END IF;
    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        INSERT INTO auth.tenants_of_users (user_id, tenant_id) VALUES (NEW.user_id, NEW.tenant_id)
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER keep_tenants_of_users
    AFTER INSERT OR UPDATE OF user_id, tenant_id OR DELETE ON auth.memberships
    FOR EACH ROW EXECUTE FUNCTION auth.keep_tenants_of_users();

-- The active tenants of one person, for login after the password was right.
--
-- No role bypasses row-level security, so it enters one tenant after the other, reads its row there, and leaves the
-- context as it found it. An error on the way aborts the transaction, and the context with it.
CREATE FUNCTION auth.memberships_of(person uuid)
RETURNS TABLE (tenant_id uuid, slug text, name text, role text)
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
        RETURN QUERY
            SELECT t.id, t.slug, t.name, m.role
            FROM tenancy.tenants t JOIN auth.memberships m ON m.tenant_id = t.id
            WHERE t.id = candidate AND t.status = 'active' AND m.user_id = person;
    END LOOP;
    EXECUTE pg_catalog.format('SET LOCAL app.tenant_id = %L', coalesce(entered::text, ''));
END
$$;
GRANT SELECT ON auth.memberships TO rowhouse_definer;

INSERT INTO tenancy.definer_functions VALUES
    ('auth.keep_tenants_of_users()', 'keeps the list of a person''s tenants in step with the memberships'),
    ('auth.memberships_of(uuid)', 'login: which tenants does this person belong to');

-- A function's new owner needs CREATE on its schema for the moment of the change.
GRANT CREATE ON SCHEMA auth TO rowhouse_definer;
ALTER FUNCTION auth.keep_tenants_of_users() OWNER TO rowhouse_definer;
ALTER FUNCTION auth.memberships_of(uuid) OWNER TO rowhouse_definer;
REVOKE CREATE ON SCHEMA auth FROM rowhouse_definer;
GRANT EXECUTE ON FUNCTION auth.memberships_of(uuid) TO rowhouse_auth;
