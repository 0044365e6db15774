DROP INDEX CONCURRENTLY IF EXISTS auth.identities_spelling_idx;
