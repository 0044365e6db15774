//! Presets of a server for an administrator's sessions.

use std::process::Output;

use rowhouse_migrator::RolePasswords;
use rowhouse_testkit::{ServiceName, TestServer};
use tokio_postgres::{Client, NoTls};

use crate::{rowhouse, run, stdout};

pub(crate) const ACME: &str = "00000000-0000-7000-8000-000000000001";
const GLOBEX: &str = "00000000-0000-7000-8000-000000000002";

pub(crate) const ROWS: &str = "
    INSERT INTO tenancy.tenants (id, slug, name, status) VALUES
        ('00000000-0000-7000-8000-000000000001', 'acme', 'Acme', 'active'),
        ('00000000-0000-7000-8000-000000000002', 'globex', 'Globex', 'active');
    INSERT INTO auth.identities (id, email) VALUES
        ('00000000-0000-7000-8000-0000000000aa', 'ada@example.com'),
        ('00000000-0000-7000-8000-0000000000bb', 'bob@example.com');
    INSERT INTO auth.memberships (tenant_id, id, user_id, role) VALUES
        ('00000000-0000-7000-8000-000000000001', gen_random_uuid(), '00000000-0000-7000-8000-0000000000aa', 'owner');";

/// Operators and functions that match every row, or none, and find nobody's session.
const PLANTED: &str = "
    CREATE SCHEMA planted;
    CREATE FUNCTION planted.never(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN false;
    CREATE OPERATOR planted.= (LEFTARG = text, RIGHTARG = text, FUNCTION = planted.never);
    CREATE FUNCTION planted.always(uuid, uuid) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN true;
    CREATE OPERATOR planted.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = planted.always);
    CREATE FUNCTION planted.never(integer, integer) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN false;
    CREATE OPERATOR planted.= (LEFTARG = integer, RIGHTARG = integer, FUNCTION = planted.never);
    CREATE FUNCTION planted.now() RETURNS timestamptz LANGUAGE sql IMMUTABLE RETURN '-infinity'::timestamptz;
    CREATE FUNCTION planted.count() RETURNS bigint LANGUAGE sql IMMUTABLE RETURN 7463;
    GRANT USAGE ON SCHEMA planted TO PUBLIC;";

const PRESETS: &[(&str, &str)] = &[
    ("search_path", "planted, pg_catalog"),
    ("row_security", "off"),
    ("default_transaction_isolation", "serializable"),
    ("app.tenant_id", "nobody"),
    ("quote_all_identifiers", "on"),
    ("DateStyle", "German"),
    ("TimeZone", "'Pacific/Kiritimati'"),
];

/// Connects without the presets.
pub(crate) async fn person(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    let settings = "SET search_path = pg_catalog, pg_temp; SET row_security = on; SET app.tenant_id = ''";
    client.batch_execute(settings).await.unwrap();
    client
}

/// Returns the tenants that are not active, and the disabled people, with the times.
async fn facts(admin: &Client) -> (Vec<String>, Vec<String>) {
    let row = admin
        .query_one(
            "SELECT ARRAY(SELECT t.slug FROM tenancy.tenants t WHERE t.status <> 'active'),
                 ARRAY(SELECT i.email FROM auth.identities i WHERE i.disabled_at > now() - interval '1 hour')",
            &[],
        )
        .await
        .unwrap();
    (row.get(0), row.get(1))
}

async fn user(url: &str, verb: &str, email: &str) -> Output {
    rowhouse(url, &["user", verb, email, "--reason", "a test"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_do_what_they_say_whatever_is_preset() {
    let server = TestServer::start().await;
    let url = server.admin_url();
    let admin = person(&url).await;
    admin.batch_execute(&format!("{ROWS}{PLANTED}")).await.unwrap();
    let nobody: (Vec<String>, Vec<String>) = Default::default();
    for holder in ["DATABASE rowhouse", "ROLE postgres", "ROLE postgres IN DATABASE rowhouse"] {
        for (setting, value) in PRESETS {
            admin.batch_execute(&format!("ALTER {holder} SET {setting} = {value}")).await.unwrap();
        }
        // The presets affect a session that relies on them.
        let (believer, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(connection);
        let counts = believer.query_one("SELECT 'a'::text = 'a'::text", &[]).await.unwrap();
        assert!(!counts.get::<_, bool>(0), "{holder}");

        let shown = stdout(&run(&url, &["show", "acme"]).await);
        let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        for line in [ACME, "status active", "members 1 owner", "jobs none"] {
            assert!(words.contains(line), "{holder}: {shown}");
        }
        let inside = person(&server.url(ServiceName::Orders)).await;
        let enter = format!("BEGIN; SELECT tenancy.set_tenant_context('{ACME}')");
        inside.batch_execute(&enter).await.unwrap();
        let suspended = stdout(&run(&url, &["suspend", "acme", "--reason", "unpaid"]).await);
        assert_eq!(suspended, "suspended acme\nended transactions that had begun before: 1\n", "{holder}");
        assert!(inside.batch_execute("SELECT 1").await.is_err(), "{holder}: its connection is gone");
        assert_eq!(facts(&admin).await, (vec!["acme".to_owned()], Vec::new()), "{holder}");
        let shown = stdout(&run(&url, &["show", ACME]).await);
        assert!(shown.contains("status          suspended\n") && shown.contains(": unpaid\n"), "{shown}");
        let listed = stdout(&run(&url, &["list", "--status", "active"]).await);
        assert!(listed.contains(GLOBEX) && !listed.contains(ACME), "{holder}: {listed}");
        assert_eq!(stdout(&run(&url, &["resume", "acme", "--reason", "paid"]).await), "resumed acme\n");
        assert_eq!(facts(&admin).await, nobody, "{holder}");

        let disabled = stdout(&user(&url, "disable", "Ada@example.com").await);
        assert_eq!(disabled, "disabled ada@example.com\n", "{holder}");
        assert_eq!(facts(&admin).await, (Vec::new(), vec!["ada@example.com".to_owned()]), "{holder}");
        stdout(&user(&url, "enable", "ada@example.com").await);
        assert_eq!(facts(&admin).await, nobody, "{holder}");

        let report = rowhouse_migrator::migrate(&url, None, &RolePasswords::default()).await.unwrap();
        assert_eq!(report.applied, [""; 0], "{holder}");
        admin.batch_execute(&format!("ALTER {holder} RESET ALL")).await.unwrap();
    }
}
