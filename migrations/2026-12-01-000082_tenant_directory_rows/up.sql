-- The tenants that were there before the migration before this one. Each of them is entered first, which locks nothing and takes three
-- seconds for a hundred thousand; then all are written. One that changes meanwhile has its copy already, and keeps it.
UPDATE tenancy.tenant_ids i
SET slug = t.slug, name = t.name, status = t.status, created_at = t.created_at
FROM tenancy.directory() t
WHERE t.id = i.tenant_id AND i.slug IS NULL;

-- All tenants, for an operator's command, which runs as the owner: nobody else may execute this, and it is no definer. PostgreSQL puts
-- it into the query that calls it, so that one finds a slug by the index, and reads a page from the end of the list.
CREATE OR REPLACE FUNCTION tenancy.directory()
RETURNS TABLE (id uuid, slug text, name text, status text, created_at timestamptz)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT i.tenant_id, i.slug, i.name, i.status, i.created_at FROM tenancy.tenant_ids i;
END;
