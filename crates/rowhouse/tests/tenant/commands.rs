//! The output and the refusals of commands.

use diesel_async::SimpleAsyncConnection;
use rowhouse_testkit::TestDatabase;

use serde_json::{Value, json};

use crate::{ROWHOUSE, json, refusal, rowhouse, stderr, stdout, tenant};

const ADA: &str = "00000000-0000-7000-8000-0000000000aa";
const ACME: &str = "00000000-0000-7000-8000-000000000001";
const GLOBEX: &str = "00000000-0000-7000-8000-000000000002";

/// Creates Acme, which is active and has a member with a session and a key, and jobs, and Globex, which is in set-up.
pub(crate) async fn two_tenants() -> TestDatabase {
    let database = TestDatabase::create().await;
    let rows = format!(
        "INSERT INTO tenancy.tenants (id, slug, name, status, created_at) VALUES
             ('{ACME}', 'acme', 'Acme', 'active', '2026-11-23 08:30:00+00'),
             ('{GLOBEX}', 'globex', 'Globex', 'provisioning', '2026-11-24 08:30:00+00');
         INSERT INTO auth.identities (id, email) VALUES ('{ADA}', 'ada@example.com');
         INSERT INTO auth.memberships (tenant_id, id, user_id, role) VALUES
             ('{ACME}', gen_random_uuid(), '{ADA}', 'owner');
         INSERT INTO auth.sessions (tenant_id, id, user_id, token_digest, idle_expires_at, expires_at) VALUES
             ('{ACME}', gen_random_uuid(), '{ADA}', sha256('x'), now() + '1 day', now() + '1 day');
         INSERT INTO auth.api_keys (tenant_id, id, name, hint, digest, scopes, created_by) VALUES
             ('{ACME}', gen_random_uuid(), 'export', 'x', sha256('x'), '{{orders:read}}', '{ADA}');
         INSERT INTO jobs.jobs (tenant_id, id, queue, kind, payload, max_attempts, due_at)
         SELECT '{ACME}', gen_random_uuid(), 'nobodys', 'probe', '{{}}', 1, 'infinity' FROM generate_series(1, 3)"
    );
    database.admin().await.batch_execute(&rows).await.unwrap();
    database
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_are_listed_and_looked_at() {
    let database = two_tenants().await;
    let header = "ID                                    SLUG    STATUS        CREATED               NAME\n";
    let acme = format!("{ACME}  acme    active        2026-11-23T08:30:00Z  Acme\n");
    let globex = format!("{GLOBEX}  globex  provisioning  2026-11-24T08:30:00Z  Globex\n");
    assert_eq!(stdout(&tenant(&database, &["list"]).await), format!("{header}{globex}{acme}"));
    let provisioning = tenant(&database, &["list", "--status", "provisioning"]).await;
    assert_eq!(stdout(&provisioning), format!("{header}{globex}"));
    let none = stdout(&tenant(&database, &["list", "--status", "failed"]).await);
    assert_eq!(none.lines().count(), 1, "{none}");

    for name in ["acme", ACME] {
        let shown = stdout(&tenant(&database, &["show", name]).await);
        let expected = format!(
            "id           {ACME}\nslug         acme\nname         Acme\n\
             status       active\ncreated      2026-11-23T08:30:00Z\n\
             members      1 owner\nsessions     1\nAPI keys     1\ninvitations  0\njobs         3 queued\ndata         "
        );
        assert!(shown.starts_with(&expected), "{shown}");
    }
    let globex = stdout(&tenant(&database, &["show", "globex"]).await);
    assert!(globex.contains("members      none\n") && globex.contains("jobs         none\n"), "{globex}");

    tenant(&database, &["suspend", "acme", "--reason", "first"]).await;
    tenant(&database, &["resume", "acme", "--reason", "paid"]).await;
    tenant(&database, &["suspend", "acme", "--reason", "second"]).await;
    let acme = stdout(&tenant(&database, &["show", "acme"]).await);
    assert!(acme.contains("status          suspended\n") && acme.contains("Z: second\n"), "{acme}");
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_read_json() {
    let database = two_tenants().await;
    let listed = json(&database, &["tenant", "list", "--search", "ACME"]).await;
    let acme = json!({ "id": ACME, "slug": "acme", "name": "Acme", "status": "active", "created_at": "2026-11-23T08:30:00Z" });
    assert_eq!(listed, json!({ "items": [acme], "total": 1 }));

    let shown = json(&database, &["tenant", "show", "acme"]).await;
    for (member, value) in [
        ("slug", json!("acme")),
        ("members", json!({ "owner": 1 })),
        ("sessions", json!(1)),
        ("api_keys", json!(1)),
        ("jobs", json!({ "queued": 3 })),
        ("last_suspension", Value::Null),
    ] {
        assert_eq!(shown[member], value, "{member} in {shown}");
    }
    // A member, a session, a key and three jobs; the tenant's own row is the directory's.
    let data = &shown["data"];
    assert_eq!(data["rows"], 6, "{data}");
    let tables = data["tables"].as_array().unwrap();
    assert_eq!(tables.iter().map(|table| table["rows"].as_i64().unwrap()).sum::<i64>(), 6, "{data}");
    let bytes: i64 = tables.iter().map(|table| table["bytes"].as_i64().unwrap()).sum();
    assert!(bytes > 6 * 28 && data["bytes"] == bytes, "{data}");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_listed_and_looked_at() {
    let database = two_tenants().await;
    let listed = json(&database, &["user", "list", "--search", "ADA@"]).await;
    assert_eq!((&listed["total"], &listed["items"][0]["email"]), (&1.into(), &"ada@example.com".into()));
    assert_eq!(json(&database, &["user", "list", "--search", "bob"]).await["total"], 0);
    for name in ["Ada@Example.com", ADA] {
        let shown = json(&database, &["user", "show", name]).await;
        assert_eq!((&shown["id"], &shown["second_factor"]), (&ADA.into(), &false.into()), "{shown}");
        let membership = &shown["memberships"][0];
        let (slug, role) = (&membership["slug"], &membership["role"]);
        assert_eq!((slug, role), (&"acme".into(), &"owner".into()), "{shown}");
        assert_eq!((&membership["sessions"], &membership["api_keys"]), (&1.into(), &1.into()), "{shown}");
    }
    let shown = stdout(&rowhouse(&database.admin_url(), &["user", "show", "ada@example.com"]).await);
    assert!(
        shown.contains("acme (active): owner since 20") && shown.contains("disabled       no\n"),
        "{shown}"
    );
    for name in ["bob@example.com", "00000000-0000-7000-8000-000000000009"] {
        let nobody = refusal(&rowhouse(&database.admin_url(), &["user", "show", name]).await);
        assert!(nobody.starts_with(&format!("nobody has the email address or id {name}: ")), "{nobody}");
    }
    let nonsense = refusal(&rowhouse(&database.admin_url(), &["user", "show", "nonsense"]).await);
    assert!(nonsense.starts_with("nonsense is neither an email address nor an id: write "), "{nonsense}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_cut_and_say_so() {
    let database = TestDatabase::create().await;
    let rows = "INSERT INTO tenancy.tenants (id, slug, name, status)
        SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'tenant-' || n, 'Tenant ' || n, 'active'
        FROM generate_series(1, 120) n";
    database.admin().await.batch_execute(rows).await.unwrap();
    let listed = tenant(&database, &["list"]).await;
    assert_eq!(stdout(&listed).lines().count(), 51, "the header and fifty");
    assert_eq!(stderr(&listed), "rowhouse: 50 of 120 are shown: --limit shows more, --search finds some\n");
    assert!(stdout(&listed).lines().nth(1).unwrap().contains("tenant-120 "), "the newest first");
    let few = tenant(&database, &["list", "--search", "nant-7", "--limit", "3"]).await;
    let slugs: Vec<_> =
        stdout(&few).lines().skip(1).map(|line| line.split_whitespace().nth(1).unwrap().to_owned()).collect();
    assert_eq!(slugs, ["tenant-79", "tenant-78", "tenant-77"]);
    assert_eq!(stderr(&few), "rowhouse: 3 of 11 are shown: --limit shows more, --search finds some\n");
    let all = tenant(&database, &["list", "--limit", "120"]).await;
    assert_eq!((stdout(&all).lines().count(), stderr(&all).as_str()), (121, ""));
    assert_eq!(tenant(&database, &["list", "--limit", "0"]).await.status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn impossible_changes_are_refused() {
    let database = two_tenants().await;
    let because = async |command: &str, name: &str| {
        refusal(&tenant(&database, &[command, name, "--reason", "a test"]).await)
    };
    assert_eq!(because("resume", "acme").await, "acme is not suspended, it is active");
    assert_eq!(
        because("suspend", "globex").await,
        "globex is provisioning: only an active tenant can be suspended"
    );
    stdout(&tenant(&database, &["suspend", "acme", "--reason", "unpaid"]).await);
    assert_eq!(because("suspend", "acme").await, "acme is suspended already");
    let nobody = "00000000-0000-7000-8000-000000000009";
    for name in ["initech", nobody, "' OR true --"] {
        let expected = format!(
            "no tenant has the slug or id {name}: `rowhouse tenant list --search TEXT` finds one by a part of its name"
        );
        assert_eq!(because("suspend", name).await, expected);
        assert_eq!(refusal(&tenant(&database, &["show", name]).await), expected);
    }
    for arguments in [
        &["suspend", "acme"][..],
        &["suspend", "acme", "--reason", " "],
        &["suspend", "acme", "--reason", "two\nlines"],
        &["list", "--status", "gone"],
    ] {
        let refused = tenant(&database, arguments).await;
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}: {}", stderr(&refused));
    }
}

/// A tenant appears in the list when it is created, and disappears when it is deleted.
#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_the_directorys() {
    let database = two_tenants().await;
    let remove = format!("DELETE FROM tenancy.tenants WHERE id = '{GLOBEX}'");
    database.admin().await.batch_execute(&remove).await.unwrap();
    let listed = stdout(&tenant(&database, &["list"]).await);
    assert!(listed.contains(ACME) && !listed.contains(GLOBEX), "{listed}");
}

/// A directory on the command line goes before a URL in the environment, which is then not looked at either.
#[tokio::test(flavor = "multi_thread")]
async fn a_directory_is_used_beside_a_url_that_production_refuses() {
    let directory = tempfile::tempdir().unwrap();
    let list = |data_dir: bool| {
        let mut command = ROWHOUSE.command(&["tenant", "list"]);
        command.env("ROWHOUSE_ENVIRONMENT", "production");
        command.env("DATABASE_URL", "postgres://postgres@db.invalid/rowhouse");
        if data_dir {
            command.arg("--data-dir").arg(directory.path());
        }
        stderr(&command.output().unwrap())
    };
    let without = list(false);
    assert!(without.contains("sslmode=verify-full"), "{without}");
    let with = list(true);
    assert!(with.contains("no rowhouse dev is running") && !with.contains("sslmode"), "{with}");
}
