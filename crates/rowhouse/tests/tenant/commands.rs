//! The output and the refusals of commands.

use diesel_async::SimpleAsyncConnection;
use rowhouse_testkit::TestDatabase;

use crate::{refusal, stderr, stdout, tenant};

const ACME: &str = "00000000-0000-7000-8000-000000000001";
const GLOBEX: &str = "00000000-0000-7000-8000-000000000002";

/// Creates Acme, which is active and has a member and jobs, and Globex, which is in set-up.
async fn two_tenants() -> TestDatabase {
    let database = TestDatabase::create().await;
    let person = "00000000-0000-7000-8000-0000000000aa";
    let rows = format!(
        "INSERT INTO tenancy.tenants (id, slug, name, status, created_at) VALUES
             ('{ACME}', 'acme', 'Acme', 'active', '2026-11-23 08:30:00+00'),
             ('{GLOBEX}', 'globex', 'Globex', 'provisioning', '2026-11-24 08:30:00+00');
         INSERT INTO auth.identities (id, email) VALUES ('{person}', 'ada@example.com');
         INSERT INTO auth.memberships (tenant_id, id, user_id, role) VALUES
             ('{ACME}', gen_random_uuid(), '{person}', 'owner');
         INSERT INTO jobs.jobs (tenant_id, id, queue, kind, payload, max_attempts, due_at)
         SELECT '{ACME}', gen_random_uuid(), 'nobodys', 'probe', '{{}}', 1, 'infinity' FROM generate_series(1, 3)"
    );
    database.admin().await.batch_execute(&rows).await.unwrap();
    database
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_are_listed_and_looked_at() {
    let database = two_tenants().await;
    let acme = format!("{ACME}  active        2026-11-23 08:30:00  acme    Acme\n");
    let globex = format!("{GLOBEX}  provisioning  2026-11-24 08:30:00  globex  Globex\n");
    assert_eq!(stdout(&tenant(&database, &["list"]).await), format!("{acme}{globex}"));
    let provisioning = tenant(&database, &["list", "--status", "provisioning"]).await;
    assert_eq!(stdout(&provisioning), globex);
    assert_eq!(stdout(&tenant(&database, &["list", "--status", "failed"]).await), "");

    for name in ["acme", ACME] {
        assert_eq!(
            stdout(&tenant(&database, &["show", name]).await),
            format!(
                "id              {ACME}\nslug            acme\nname            Acme\n\
                 status          active\ncreated         2026-11-23 08:30:00 UTC\n\
                 members         1\njobs            3 queued\n"
            )
        );
    }
    let globex = stdout(&tenant(&database, &["show", "globex"]).await);
    assert!(globex.contains("members         0\njobs            none\n"), "{globex}");

    tenant(&database, &["suspend", "acme", "--reason", "first"]).await;
    tenant(&database, &["resume", "acme", "--reason", "paid"]).await;
    tenant(&database, &["suspend", "acme", "--reason", "second"]).await;
    let acme = stdout(&tenant(&database, &["show", "acme"]).await);
    assert!(acme.contains("status          suspended\n") && acme.contains(" UTC: second\n"), "{acme}");
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
        let expected = format!("no tenant has the slug or id {name}");
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
