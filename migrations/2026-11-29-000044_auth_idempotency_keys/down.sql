DELETE FROM tenancy.definer_functions WHERE function_name = 'auth.purge_answers(uuid, integer, integer)';
DROP FUNCTION auth.purge_answers(uuid, integer, integer);
DROP TABLE auth.idempotency_keys;
