//! Administrators who are no superusers, as on managed PostgreSQL.

use std::process::Output;

use rowhouse_catalog::ServiceName;
use rowhouse_migrator::connect;
use rowhouse_postgres::Cluster;
use rustix::process::Signal;
use tempfile::TempDir;
use tokio_postgres::Client;

use crate::databases::server;
use crate::dev::{self, Dev};
use crate::run::{directory, rowhouse, stderr, stdout};

const ACME: &str = "00000000-0000-7000-8000-000000000001";
/// Returns the services' roles.
fn services() -> Vec<&'static str> {
    ServiceName::ALL.iter().map(|service| service.role()).collect()
}

/// A server, its superuser, and administrators. Every role's password is `secret`.
struct Managed {
    cluster: Cluster,
    postgres: Client,
    _directory: TempDir,
}

impl Managed {
    async fn start(administrators: &[&str]) -> Self {
        let (cluster, directory) = server().await;
        let postgres = connect(&cluster.admin_url("postgres"), None).await.unwrap();
        let managed = Self { cluster, postgres, _directory: directory };
        for name in administrators {
            managed.sql(&format!("CREATE ROLE {name} LOGIN CREATEROLE CREATEDB PASSWORD 'secret'")).await;
        }
        managed
    }

    /// Executes a statement as the superuser.
    async fn sql(&self, statement: &str) {
        self.postgres.batch_execute(statement).await.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    }

    /// Returns whether memberships have options and roles belong to their creators (PostgreSQL 16 and later).
    async fn is_16(&self) -> bool {
        let query = "SELECT current_setting('server_version_num')::integer >= 160000";
        self.postgres.query_one(query, &[]).await.unwrap().get(0)
    }

    fn url(&self, role: &str, database: &str) -> String {
        if role == "postgres" {
            return self.cluster.admin_url(database);
        }
        format!("postgres://{role}:secret@127.0.0.1:{}/{database}", self.cluster.port())
    }

    async fn connect(&self, role: &str, database: &str) -> Client {
        connect(&self.url(role, database), None).await.unwrap()
    }

    fn run(&self, role: &str, database: &str, arguments: &[&str]) -> Output {
        rowhouse(arguments).args(["--database-url", &self.url(role, database)]).output().unwrap()
    }

    fn succeed(&self, role: &str, database: &str, arguments: &[&str]) -> String {
        let output = self.run(role, database, arguments);
        assert!(output.status.success(), "{role}: {arguments:?}: {}{}", stdout(&output), stderr(&output));
        stdout(&output)
    }

    fn refusal(&self, role: &str, database: &str, arguments: &[&str]) -> String {
        let output = self.run(role, database, arguments);
        assert_eq!(output.status.code(), Some(1), "{role}: {arguments:?}: {}", stdout(&output));
        stderr(&output).trim_end().strip_prefix("rowhouse: ").unwrap().to_owned()
    }

    /// Migrates with the services' passwords.
    fn migrate(&self, role: &str, database: &str) -> String {
        let url =
            |service: &ServiceName| [format!("--{service}-database-url"), self.url(service.role(), database)];
        let urls: Vec<_> = ServiceName::ALL.iter().flat_map(url).collect();
        let arguments: Vec<_> = ["migrate"].into_iter().chain(urls.iter().map(String::as_str)).collect();
        self.succeed(role, database, &arguments)
    }

    /// Returns the audit's output, which must be the same for all of these roles.
    fn audit(&self, roles: &[&str], database: &str) -> String {
        let said: Vec<String> =
            roles.iter().map(|role| stdout(&self.run(role, database, &["audit"]))).collect();
        assert!(said.iter().all(|one| *one == said[0]), "{roles:?}: {said:#?}");
        let codes: Vec<_> =
            roles.iter().map(|role| self.run(role, database, &["audit"]).status.code()).collect();
        assert_eq!(codes, vec![Some(i32::from(!said[0].is_empty())); roles.len()], "{said:?}");
        said[0].clone()
    }
}

/// Opens a service's transaction in a tenant.
async fn enter(managed: &Managed, service: &str) -> Client {
    let client = managed.connect(service, "managed").await;
    let enter = format!(
        "SET idle_in_transaction_session_timeout = 0; BEGIN; SELECT tenancy.set_tenant_context('{ACME}')"
    );
    client.batch_execute(&enter).await.unwrap();
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_works() {
    let managed = Managed::start(&["adm"]).await;
    if managed.is_16().await {
        managed.sql("ALTER ROLE adm SET createrole_self_grant = 'set, inherit'").await;
    }
    let status = managed.run("adm", "managed", &["migrate", "--status"]);
    assert_eq!(status.status.code(), Some(3), "{}", stderr(&status));
    let made = managed.migrate("adm", "managed");
    assert!(made.contains("made the role rowhouse_administrators\n"), "{made}");
    assert_eq!(managed.migrate("adm", "managed"), "everything was up to date\n");
    managed.succeed("adm", "managed", &["migrate", "--status"]);
    // It has granted itself only the group; ADMIN OPTION on its own roles comes from PostgreSQL.
    let given = "SELECT count(*) FROM pg_catalog.pg_auth_members m
        WHERE m.member = 'adm'::regrole AND m.grantor = 'adm'::regrole
            AND m.roleid <> 'rowhouse_administrators'::regrole";
    assert_eq!(managed.postgres.query_one(given, &[]).await.unwrap().get::<_, i64>(0), 0);
    assert_eq!(managed.audit(&["adm", "postgres", "rowhouse_orders"], "managed"), "");

    let rows = format!(
        "INSERT INTO tenancy.tenants (id, slug, name, status) VALUES ('{ACME}', 'acme', 'Acme', 'active');
         INSERT INTO auth.identities (id, email) VALUES ('{ACME}', 'ada@example.com')"
    );
    managed.connect("postgres", "managed").await.batch_execute(&rows).await.unwrap();
    let as_adm = |arguments: &[&str]| managed.succeed("adm", "managed", arguments);
    assert!(as_adm(&["tenant", "list"]).contains("  Acme\n"));
    assert!(as_adm(&["tenant", "show", "acme"]).contains("status       active\n"));
    assert_eq!(
        as_adm(&["user", "disable", "ada@example.com", "--reason", "left"]),
        "disabled ada@example.com\n"
    );
    assert_eq!(
        as_adm(&["user", "enable", "ada@example.com", "--reason", "back"]),
        "enabled ada@example.com\n"
    );
    as_adm(&["backfill", "orders-priority"]);

    let mut inside = Vec::new();
    for service in services() {
        inside.push(enter(&managed, service).await);
    }
    assert_eq!(
        as_adm(&["tenant", "suspend", "acme", "--reason", "unpaid"]),
        format!("suspended acme\nended transactions that had begun before: {}\n", ServiceName::ALL.len())
    );
    for client in inside {
        assert!(client.batch_execute("SELECT 1").await.is_err(), "its connection is gone");
    }
    assert_eq!(as_adm(&["tenant", "resume", "acme", "--reason", "paid"]), "resumed acme\n");

    // The audits are the same after all of it, and with a violation.
    assert_eq!(managed.audit(&["adm", "postgres", "rowhouse_orders"], "managed"), "");
    managed
        .sql("CREATE ROLE stranger LOGIN NOINHERIT PASSWORD 'secret'; GRANT rowhouse_owner TO stranger")
        .await;
    let remedy = "REVOKE rowhouse_owner FROM stranger";
    assert_eq!(
        managed.audit(&["adm", "postgres", "rowhouse_orders"], "managed"),
        format!(
            "RULE             OBJECT    REMEDY\n\
             role_has_member  stranger  {remedy}, or GRANT rowhouse_administrators TO stranger if it is an administrator\n"
        )
    );
    managed.sql(remedy).await;
    managed.sql("GRANT CONNECT ON DATABASE managed TO stranger").await;
    let closed = managed.refusal("stranger", "managed", &["audit"]);
    assert!(closed.starts_with("stranger may not read what is declared in the schema tenancy: "), "{closed}");
    managed.cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dev_runs_on_it() {
    let managed = Managed::start(&["adm"]).await;
    let parent = directory();
    let data = parent.path().join("data");
    let url = managed.url("adm", "elsewhere");
    let dev = Dev::launch(&data, dev::command(&data).env("DATABASE_URL", &url)).up();
    assert!(dev.paste().contains(r#""number":1,"#));
    dev.stop(Signal::TERM);
    assert_eq!(managed.audit(&["adm", "postgres"], "elsewhere"), "");
    managed.cluster.stop().await;
}

/// Two databases in one cluster, whose roles belong to the cluster.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_administrator_is_let_in_by_the_first() {
    let managed = Managed::start(&["one", "two"]).await;
    managed.migrate("one", "production");
    if managed.is_16().await {
        let refused = managed.refusal("two", "staging", &["migrate"]);
        let grant = "GRANT rowhouse_administrators TO two";
        assert_eq!(
            refused,
            format!(
                "two may not manage Rowhouse's roles, which all databases of the cluster share (PostgreSQL refused: \
                 permission denied to grant role \"rowhouse_administrators\"): let one or a superuser run `{grant}`, \
                 then migrate again"
            )
        );
        managed.connect("one", "production").await.batch_execute(grant).await.unwrap();
    }
    managed.migrate("two", "staging");
    for (role, database) in [("one", "production"), ("two", "staging")] {
        assert_eq!(managed.migrate(role, database), "everything was up to date\n");
    }
    for database in ["production", "staging"] {
        assert_eq!(managed.audit(&["one", "two", "postgres", "rowhouse_auth"], database), "");
    }
    managed.cluster.stop().await;
}

/// The roles and their creators are those of a release before administrators had a role of their own.
#[tokio::test(flavor = "multi_thread")]
async fn roles_of_an_older_release_get_their_administrators() {
    let managed = Managed::start(&["one", "two"]).await;
    let roles = format!("rowhouse_owner, rowhouse_definer, {}", services().join(", "));
    let one = managed.connect("one", "postgres").await;
    for role in roles.split(", ") {
        let login = if services().contains(&role) { "LOGIN" } else { "NOLOGIN" };
        one.batch_execute(&format!("CREATE ROLE {role} {login}")).await.unwrap();
    }
    one.batch_execute("GRANT rowhouse_definer TO rowhouse_owner; GRANT rowhouse_owner TO one").await.unwrap();
    if managed.is_16().await {
        let refused = managed.refusal("two", "staging", &["migrate"]);
        let help = "let one or a superuser run `rowhouse migrate` of this version on a database of this cluster and \
                    `GRANT rowhouse_administrators TO two`, then migrate again";
        assert!(refused.ends_with(help), "{refused}");
        managed.migrate("one", "production");
        one.batch_execute("GRANT rowhouse_administrators TO two").await.unwrap();
    }
    managed.migrate("two", "staging");
    managed.migrate("one", "production");
    assert_eq!(managed.audit(&["one", "two", "postgres"], "staging"), "");
    managed.cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_privileges_of_an_administrator_are_reported() {
    let managed = Managed::start(&["adm"]).await;
    managed.sql("CREATE ROLE plain LOGIN CREATEDB PASSWORD 'secret'").await;
    managed.sql("CREATE DATABASE others").await;
    let refused = managed.refusal("plain", "mine", &["migrate"]);
    let help = "let a superuser run `ALTER ROLE plain CREATEROLE`, then migrate again";
    assert!(
        refused.starts_with("plain may not manage Rowhouse's roles, ") && refused.ends_with(help),
        "{refused}"
    );
    assert_eq!(
        managed.refusal("adm", "others", &["migrate"]),
        "adm does not own the database others: let postgres or a superuser run `ALTER DATABASE others OWNER TO adm`, \
         then migrate again"
    );
    managed.sql("ALTER DATABASE others OWNER TO adm").await;
    managed.migrate("adm", "others");

    managed.sql("CREATE ROLE reserved LOGIN NOINHERIT CREATEROLE CREATEDB PASSWORD 'secret'").await;
    if managed.is_16().await {
        managed.sql("GRANT rowhouse_administrators TO reserved WITH INHERIT TRUE").await;
    } else {
        let refused = managed.refusal("reserved", "another", &["migrate"]);
        let help =
            "reserved is NOINHERIT and an administrator has to inherit: run `ALTER ROLE reserved INHERIT`";
        assert!(refused.starts_with(help), "{refused}");
        managed.sql("ALTER ROLE reserved INHERIT").await;
    }
    managed.migrate("reserved", "another");
    assert_eq!(managed.audit(&["adm", "reserved", "postgres"], "others"), "");
    managed.cluster.stop().await;
}
