//! The settings that every session applies.

/// The SQL with which every session begins, administrators' included. It overrides presets of the server, the database and the role that
/// change how names and operators are resolved, how literals are read, how values are written, or which rows are returned. It
/// turns JIT compilation off, which PostgreSQL's manual recommends for long queries only.
/// `docs/postgresql.md` lists the protection for each setting.
pub const SESSION: &str = "
    SET search_path = pg_catalog, pg_temp;
    SET app.tenant_id = '';
    SET default_transaction_isolation = 'read committed';
    SET default_transaction_deferrable = off;
    SET row_security = on;
    SET client_encoding = 'UTF8';
    SET TimeZone = 'UTC';
    SET DateStyle = 'ISO, MDY';
    SET IntervalStyle = 'postgres';
    SET lc_numeric = 'C';
    SET lc_monetary = 'C';
    SET lc_time = 'C';
    SET bytea_output = 'hex';
    SET extra_float_digits = 1;
    SET standard_conforming_strings = on;
    SET backslash_quote = 'safe_encoding';
    SET array_nulls = on;
    SET transform_null_equals = off;
    SET quote_all_identifiers = off;
    SET xmloption = 'content';
    SET xmlbinary = 'base64';
    SET gin_fuzzy_search_limit = 0;
    SET jit = off;
    SET exit_on_error = off;
";
