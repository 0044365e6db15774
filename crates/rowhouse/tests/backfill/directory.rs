//! The list of tenants for commands.

use diesel_async::SimpleAsyncConnection;
use rowhouse_testkit::{ServiceName, TestDatabase};

use crate::program::migrate;
use crate::world::{holds, number, take_back};

/// A superuser, who sees all tenants, finds in the list what there is.
const SAME: &str = "NOT EXISTS (SELECT FROM tenancy.tenants t
        FULL JOIN tenancy.tenant_ids i ON (i.tenant_id, i.slug, i.name, i.status, i.created_at)
            = (t.id, t.slug, t.name, t.status, t.created_at)
        WHERE t.id IS NULL OR i.tenant_id IS NULL)
    AND (SELECT sum(c.tenants) FROM tenancy.tenant_counts c) = (SELECT count(*) FROM tenancy.tenants)";

#[tokio::test(flavor = "multi_thread")]
async fn tenants_from_before_the_list_are_in_it() {
    let database = TestDatabase::create().await;
    take_back(&database, "20261123000010").await;
    let mut admin = database.admin().await;
    let insert = "INSERT INTO tenancy.tenants (id, slug, name)
        SELECT gen_random_uuid(), 'tenant-' || n, 'x' FROM generate_series(1, 20) n";
    admin.batch_execute(insert).await.unwrap();
    migrate(&database).await;
    assert_eq!(number(&mut admin, "SELECT count(*) FROM tenancy.tenant_ids").await, 20);
    assert!(holds(&mut admin, SAME).await);
    let forced = "bool_and(relforcerowsecurity) FROM pg_class WHERE oid = 'tenancy.tenants'::regclass";
    assert!(holds(&mut admin, forced).await);

    admin.batch_execute("DELETE FROM tenancy.tenants WHERE slug = 'tenant-7'").await.unwrap();
    admin
        .batch_execute("UPDATE tenancy.tenants SET id = gen_random_uuid() WHERE slug = 'tenant-8'")
        .await
        .unwrap();
    assert!(holds(&mut admin, SAME).await);
    for change in [
        "UPDATE tenancy.tenants SET status = 'suspended' WHERE slug = 'tenant-9'",
        "UPDATE tenancy.tenants SET slug = 'tenant-21', name = 'y' WHERE slug = 'tenant-10'",
    ] {
        admin.batch_execute(change).await.unwrap();
        assert!(holds(&mut admin, SAME).await, "{change}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_from_before_their_slugs_were_listed_are_found_by_them() {
    let database = TestDatabase::create().await;
    take_back(&database, "20261201000081").await;
    let mut admin = database.admin().await;
    let insert = "INSERT INTO tenancy.tenants (id, slug, name)
        SELECT gen_random_uuid(), 'tenant-' || n, 'x' FROM generate_series(1, 20) n";
    admin.batch_execute(insert).await.unwrap();
    admin.batch_execute("DELETE FROM tenancy.tenants WHERE slug = 'tenant-7'").await.unwrap();
    migrate(&database).await;
    assert!(holds(&mut admin, SAME).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_service_reads_it() {
    let database = TestDatabase::create().await;
    for role in ServiceName::ALL.iter().copied() {
        let mut service = database.connect_as(role).await;
        for forbidden in [
            "SELECT FROM tenancy.tenant_ids",
            "SELECT FROM tenancy.tenant_counts",
            "SELECT FROM tenancy.directory()",
            "SELECT FROM tenancy.backfills",
            "SELECT FROM tenancy.backfill_ledger('orders-priority')",
            "SELECT FROM tenancy.transactions_in('00000000-0000-7000-8000-000000000001')",
        ] {
            let refused = service.batch_execute(forbidden).await.unwrap_err().to_string();
            assert!(refused.contains("permission denied"), "{role:?}: {forbidden}: {refused}");
        }
    }
}
