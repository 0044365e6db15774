//! The settings of a session.

/// What every session sets at its beginning, an administrator's too, whatever the server, the database or the role presets:
/// what names and operators mean, how literals are read and values are written, and how much of an answer is given.
/// `docs/postgresql.md` says of each setting what protects from it.
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
    SET exit_on_error = off;
";
