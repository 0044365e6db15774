-- An operator names a tenant by its slug.
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS tenant_ids_slug_key ON tenancy.tenant_ids (slug);
