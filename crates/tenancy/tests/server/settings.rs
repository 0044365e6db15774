//! Presets of the server, the database and the role, which each session or transaction overrides.

use rowhouse_testkit::{ServiceName, TestDatabase, TestServer};

use crate::world::{CUSTOMER, connect, number, place, read, seen_by_nobody, tenant, text};

/// Values that would change results if they were not overridden.
const PRESETS: &[(&str, &str)] = &[
    ("default_transaction_isolation", "serializable"),
    ("default_transaction_deferrable", "on"),
    ("row_security", "off"),
    ("search_path", "orders, pg_catalog"),
    ("client_encoding", "LATIN1"),
    ("TimeZone", "Pacific/Kiritimati"),
    ("DateStyle", "German, DMY"),
    ("IntervalStyle", "sql_standard"),
    ("bytea_output", "escape"),
    ("extra_float_digits", "-15"),
    ("standard_conforming_strings", "off"),
    ("backslash_quote", "on"),
    ("array_nulls", "off"),
    ("transform_null_equals", "on"),
    ("quote_all_identifiers", "on"),
    ("xmloption", "document"),
    ("xmlbinary", "hex"),
    ("lc_numeric", "C.UTF-8"),
    ("lc_monetary", "C.UTF-8"),
    ("lc_time", "C.UTF-8"),
    ("gin_fuzzy_search_limit", "1"),
    ("jit", "on"),
    ("exit_on_error", "on"),
    ("app.tenant_id", "f6c0e9ac-0000-4000-8000-000000000000"),
    // These are not overridden, and no result depends on them.
    ("plan_cache_mode", "force_generic_plan"),
    ("default_tablespace", "pg_default"),
    ("check_function_bodies", "off"),
    ("default_text_search_config", "german"),
    ("client_min_messages", "error"),
    ("escape_string_warning", "off"),
    ("timezone_abbreviations", "India"),
    ("stats_fetch_consistency", "none"),
    ("track_activities", "off"),
    ("temp_tablespaces", "pg_default"),
    ("default_table_access_method", "heap"),
    ("default_toast_compression", "pglz"),
    ("max_stack_depth", "100kB"),
    ("log_statement", "all"),
    ("log_parameter_max_length", "0"),
    ("password_encryption", "md5"),
    ("enable_indexscan", "off"),
    ("synchronous_commit", "off"),
    ("lc_messages", "C"),
    ("plpgsql.variable_conflict", "use_column"),
];

/// The value of each overridden setting as a statement sees it.
const SEEN: &[(&str, &str)] = &[
    ("transaction_isolation", "read committed"),
    ("row_security", "on"),
    ("search_path", "pg_catalog, pg_temp"),
    ("client_encoding", "UTF8"),
    ("TimeZone", "UTC"),
    ("DateStyle", "ISO, MDY"),
    ("IntervalStyle", "postgres"),
    ("bytea_output", "hex"),
    ("extra_float_digits", "1"),
    ("standard_conforming_strings", "on"),
    ("backslash_quote", "safe_encoding"),
    ("array_nulls", "on"),
    ("transform_null_equals", "off"),
    ("quote_all_identifiers", "off"),
    ("xmloption", "content"),
    ("xmlbinary", "base64"),
    ("lc_numeric", "C"),
    ("lc_monetary", "C"),
    ("lc_time", "C"),
    ("gin_fuzzy_search_limit", "0"),
    ("jit", "off"),
    ("exit_on_error", "off"),
    ("app.tenant_id", ""),
];

const HOLDERS: [&str; 3] =
    ["DATABASE rowhouse", "ROLE rowhouse_orders", "ROLE rowhouse_orders IN DATABASE rowhouse"];

/// An operator that makes no tenant suspended and no order anybody's.
const PLANTED: &str = "
    SET ROLE rowhouse_owner;
    CREATE FUNCTION orders.never(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN false;
    CREATE OPERATOR orders.= (LEFTARG = text, RIGHTARG = text, FUNCTION = orders.never);
    CREATE FUNCTION orders.always(uuid, uuid) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN true;
    CREATE OPERATOR orders.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = orders.always);
    CREATE FUNCTION orders.count() RETURNS bigint LANGUAGE sql IMMUTABLE RETURN 7463;
    GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA orders TO rowhouse_orders;
    RESET ROLE;";

/// Presets each value by the database, the role, and the role in the database, each of which overrides the one before.
#[tokio::test(flavor = "multi_thread")]
async fn no_preset_changes_an_answer() {
    // Roles belong to the whole server.
    let server = TestServer::start().await;
    let admin = rowhouse_admin(&server.admin_url()).await;
    let (active, add) = tenant("active", "active");
    let (other, add_other) = tenant("other", "active");
    let (suspended, add_suspended) = tenant("suspended", "suspended");
    admin.batch_execute(&format!("{add}{add_other}{add_suspended}{PLANTED}")).await.unwrap();
    let mut expected = Vec::new();
    for (setting, value) in PRESETS {
        for holder in HOLDERS {
            let value = if *setting == "search_path" { (*value).to_owned() } else { format!("'{value}'") };
            admin.batch_execute(&format!("ALTER {holder} SET {setting} = {value}")).await.unwrap();
            let what = format!("{holder}: {setting} = {value}");
            let db = connect(server.url(ServiceName::Orders)).await;
            place(&db, &active).await.unwrap_or_else(|error| panic!("{what}: {error}"));
            expected.push((i64::try_from(expected.len()).unwrap() + 1, CUSTOMER.to_owned()));
            assert_eq!(read(&db, &active).await.unwrap(), expected, "{what}");
            assert_eq!(read(&db, &other).await.unwrap(), [], "{what}");
            assert_eq!(seen_by_nobody(&db).await.unwrap(), 0, "{what}");
            let entered = read(&db, &suspended).await;
            assert!(
                matches!(entered, Err(rowhouse_tenancy::DbError::TenantSuspended)),
                "{what}: {entered:?}"
            );
            // A refusal ends the transaction but not the session.
            let process = "pg_catalog.pg_backend_pid()::bigint";
            assert!(number(&db, "1 / pg_catalog.length('')::bigint").await.is_err(), "{what}");
            assert!(number(&db, process).await.is_ok(), "{what}");
            // The audit finds presets of the role in all databases in the same way as those in this database.
            if holder != HOLDERS[1] {
                let violations =
                    db.audit(&rowhouse_tenancy::audit::AuditScope::Schema("orders")).await.unwrap();
                let known = ["row_security_off", "tenant_preset"];
                let unknown: Vec<_> = violations.iter().filter(|v| !known.contains(&v.rule)).collect();
                assert!(unknown.is_empty(), "{what}: {unknown:?}");
            }
            for (setting, seen) in SEEN {
                let query: &'static str = format!("pg_catalog.current_setting('{setting}')").leak();
                assert_eq!(text(&db, query).await.unwrap(), *seen, "{what}: {setting}");
            }
            admin.batch_execute(&format!("ALTER {holder} RESET {setting}")).await.unwrap();
        }
    }
}

/// The tenant is entered without the kernel, as with psql.
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_in_the_search_path_opens_no_suspended_tenant() {
    let database = TestDatabase::create().await;
    let admin = rowhouse_admin(&database.admin_url()).await;
    let (suspended, add) = tenant("suspended", "suspended");
    admin.batch_execute(&format!("{add}{PLANTED}")).await.unwrap();
    let orders = rowhouse_admin(&database.url(ServiceName::Orders)).await;
    orders.batch_execute("SET search_path = orders, pg_catalog").await.unwrap();
    let planted: bool = orders.query_one("SELECT 'a'::text = 'a'::text", &[]).await.unwrap().get(0);
    assert!(!planted, "the operator counts in this session");
    let enter = format!("SELECT tenancy.set_tenant_context('{}')", suspended.tenant());
    let refused = orders.batch_execute(&enter).await.unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "RH002");
}

/// Presets in the server's configuration file, without any of the role or the database.
#[tokio::test(flavor = "multi_thread")]
async fn no_setting_of_the_server_changes_an_answer() {
    let settings: Vec<(&str, &str)> =
        PRESETS.iter().copied().filter(|(name, _)| *name != "search_path").collect();
    let server = TestServer::start_with(&[]).await;
    let admin = server.admin().await;
    let (active, add) = tenant("active", "active");
    let (suspended, add_suspended) = tenant("suspended", "suspended");
    admin.batch_execute(&format!("{add}{add_suspended}{PLANTED}")).await.unwrap();
    for (setting, value) in settings {
        // ALTER SYSTEM refuses a setting that no module declares; a line in the file works.
        if setting != "app.tenant_id" {
            admin.batch_execute(&format!("ALTER SYSTEM SET {setting} = '{value}'")).await.unwrap();
        }
    }
    admin.batch_execute("ALTER SYSTEM SET search_path = orders, pg_catalog").await.unwrap();
    admin.batch_execute("SELECT pg_catalog.pg_reload_conf()").await.unwrap();
    let db = connect(server.url(ServiceName::Orders)).await;
    place(&db, &active).await.unwrap();
    assert_eq!(read(&db, &active).await.unwrap(), [(1, CUSTOMER.to_owned())]);
    assert_eq!(seen_by_nobody(&db).await.unwrap(), 0);
    let entered = read(&db, &suspended).await;
    assert!(matches!(entered, Err(rowhouse_tenancy::DbError::TenantSuspended)), "{entered:?}");
    for (setting, seen) in SEEN {
        let query: &'static str = format!("pg_catalog.current_setting('{setting}')").leak();
        assert_eq!(text(&db, query).await.unwrap(), *seen, "{setting}");
    }
}

pub(crate) async fn rowhouse_admin(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
