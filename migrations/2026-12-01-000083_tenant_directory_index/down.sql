DROP INDEX CONCURRENTLY IF EXISTS tenancy.tenant_ids_slug_key;
