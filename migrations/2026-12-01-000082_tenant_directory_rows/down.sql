CREATE OR REPLACE FUNCTION tenancy.directory()
RETURNS TABLE (id uuid, slug text, name text, status text, created_at timestamptz)
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
            SELECT t.id, t.slug, t.name, t.status, t.created_at FROM tenancy.tenants t WHERE t.id = candidate;
    END LOOP;
    EXECUTE pg_catalog.format('SET LOCAL app.tenant_id = %L', coalesce(entered::text, ''));
END
$$;
