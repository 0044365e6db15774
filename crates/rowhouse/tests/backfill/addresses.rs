//! `rowhouse backfill email-addresses`, and the report of `rowhouse migrate`, with people from before domains were
//! A-labels.

use diesel_async::SimpleAsyncConnection;
use rowhouse_testkit::TestDatabase;

use crate::program::{backfill, migrate, stderr, stdout, user};
use crate::world::{holds, number};

const NAME: &str = "email-addresses";

/// People with each kind of address. Of the last six, two each share an address.
const PEOPLE: &str =
    "INSERT INTO auth.identities (id, email, password_hash, created_at, email_verified_at) VALUES
    ('00000000-0000-7000-8000-000000000001', 'ada@example.com', 'x', '2026-11-01', now()),
    ('00000000-0000-7000-8000-000000000002', 'a@bücher.example', 'x', '2026-11-02', now()),
    ('00000000-0000-7000-8000-000000000003', 'b@xn--bcher-kva.example', 'x', '2026-11-03', now()),
    ('00000000-0000-7000-8000-000000000004', '用户@例子.公司', 'x', '2026-11-04', NULL),
    ('00000000-0000-7000-8000-000000000005', 'x@xn--a.example', 'x', '2026-11-05', NULL),
    ('00000000-0000-7000-8000-000000000006', 'eve@ｅｘａｍｐｌｅ.com', 'x', '2026-11-06', NULL),
    ('00000000-0000-7000-8000-000000000007', 'eve@example.com', 'x', '2026-11-07', now()),
    ('00000000-0000-7000-8000-000000000008', 'c@bücher.example', 'x', '2026-11-08', now()),
    ('00000000-0000-7000-8000-000000000009', 'c@xn--bcher-kva.example', 'x', '2026-11-09', NULL),
    ('00000000-0000-7000-8000-00000000000a', 'm@münchen.example', 'x', '2026-11-10', NULL),
    ('00000000-0000-7000-8000-00000000000b', 'm@mu\u{308}nchen.example', 'x', '2026-11-11', NULL);
    INSERT INTO tenancy.tenants (id, slug, name, status)
        VALUES ('00000000-0000-7000-8000-0000000000aa', 'acme', 'Acme', 'active');
    INSERT INTO auth.tenants_of_users VALUES
        ('00000000-0000-7000-8000-000000000008', '00000000-0000-7000-8000-0000000000aa')";

async fn people() -> TestDatabase {
    let database = TestDatabase::create().await;
    let mut admin = database.admin().await;
    admin.batch_execute(PEOPLE).await.unwrap();
    assert_eq!(number(&mut admin, "SELECT count(*) FROM auth.identities").await, 11);
    database
}

/// Returns the lines of a program's output about collisions.
fn collisions(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.starts_with("collision: ")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_reports_collisions() {
    let database = people().await;
    for _ in 0..2 {
        let said = migrate(&database).await;
        let found = collisions(&said);
        assert_eq!(found.len(), 3, "{said}");
        assert_eq!(
            found[0],
            "collision: c@xn--bcher-kva.example is one address of 2 people, \
             c@bücher.example (00000000-0000-7000-8000-000000000008, since 2026-11-08, confirmed, 1 tenant) and \
             c@xn--bcher-kva.example (00000000-0000-7000-8000-000000000009, since 2026-11-09, never confirmed, 0 tenants); \
             disable all but one by `rowhouse user disable ADDRESS --reason TEXT`"
        );
        assert!(
            found[1].contains("eve@ｅｘａｍｐｌｅ.com (") && found[1].contains(" and eve@example.com ("),
            "{said}"
        );
        assert!(
            found[2].contains("m@münchen.example (") && found[2].contains("m@mu\u{308}nchen.example ("),
            "{said}"
        );
        assert!(said.contains("no email address any more: x@xn--a.example (00000000-"), "{said}");
        assert!(
            said.contains("2 email addresses from before to rewrite by `rowhouse backfill email-addresses`"),
            "{said}"
        );
    }
    let mut admin = database.admin().await;
    assert!(holds(&mut admin, "EXISTS (SELECT FROM auth.identities WHERE email = 'a@bücher.example')").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_without_a_collision_are_rewritten() {
    let database = people().await;
    let shown = backfill(&database, &[NAME, "--dry-run"]).await;
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert_eq!(shown.status.code(), Some(1), "collisions are left: {text}");
    assert!(text.contains("a@bücher.example (00000000-0000-7000-8000-000000000002"), "{text}");
    assert!(
        text.contains(" becomes a@xn--bcher-kva.example\n")
            && text.ends_with("2 email addresses to rewrite\n"),
        "{text}"
    );
    let mut admin = database.admin().await;
    let rewritten = "SELECT count(*) FROM auth.identities
        WHERE email IN ('a@xn--bcher-kva.example', '用户@xn--fsqu00a.xn--55qx5d')";
    assert_eq!(number(&mut admin, rewritten).await, 0);

    for changed in [2, 0] {
        let run = backfill(&database, &[NAME]).await;
        let text = String::from_utf8_lossy(&run.stdout).into_owned();
        assert_eq!((run.status.code(), collisions(&text).len()), (Some(1), 3), "{text}{}", stderr(&run));
        assert!(text.ends_with(&format!("email-addresses: {changed} rewritten; collisions: 3\n")), "{text}");
    }
    assert_eq!(number(&mut admin, rewritten).await, 2);
    // Nobody else was changed, and nobody is lost.
    let untouched = "SELECT count(*) FROM auth.identities WHERE email IN ('ada@example.com', 'b@xn--bcher-kva.example',
        'x@xn--a.example', 'eve@ｅｘａｍｐｌｅ.com', 'eve@example.com', 'c@bücher.example', 'c@xn--bcher-kva.example',
        'm@münchen.example', 'm@mu\u{308}nchen.example') AND password_hash = 'x'";
    assert_eq!(number(&mut admin, untouched).await, 9);

    // One of each pair is disabled: the person is found by the address as typed.
    for (address, id) in
        [("C@xn--bcher-kva.example", 9), ("eve@ｅｘａｍｐｌｅ.com", 6), ("m@mu\u{308}nchen.example", 11)]
    {
        stdout(&user(&database, &["disable", address, "--reason", "a twin"]).await);
        let disabled = format!(
            "(SELECT disabled_at IS NOT NULL FROM auth.identities WHERE id = '00000000-0000-7000-8000-{id:012x}')"
        );
        assert!(holds(&mut admin, &disabled).await, "{address}");
    }
    assert!(
        holds(&mut admin, "(SELECT count(*) = 3 FROM auth.identities WHERE disabled_at IS NOT NULL)").await
    );
    let settled = stdout(&backfill(&database, &[NAME]).await);
    assert!(settled.ends_with("email-addresses: 0 rewritten; collisions: 0\n"), "{settled}");
    assert!(collisions(&migrate(&database).await).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_backfill_is_listed_without_tenants() {
    let database = TestDatabase::create().await;
    let listed = stdout(&backfill(&database, &["--list"]).await);
    let line = listed.lines().find(|line| line.starts_with("email-addresses ")).unwrap();
    assert!(line.contains(" nothing to do ") && line.contains(" rewrites older email addresses"), "{listed}");
    for arguments in [&[NAME, "--tenant", "acme"][..], &[NAME, "--rate", "5"], &[NAME, "--concurrency", "2"]]
    {
        let refused = backfill(&database, arguments).await;
        assert!(
            !refused.status.success() && stderr(&refused).contains("belong to no tenant"),
            "{arguments:?}"
        );
    }
    let nobody = stdout(&backfill(&database, &[NAME]).await);
    assert_eq!(nobody, "email-addresses: 0 rewritten; collisions: 0\n");
}
