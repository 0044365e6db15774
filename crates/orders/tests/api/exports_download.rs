//! Downloading an export's file, slowly, and until access ends.

use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use rowhouse_chassis::error::Code;
use rowhouse_proto::orders::v1::error_code;
use rowhouse_proto::orders::v1::{ExportFormat, ExportStatus, ListOrdersRequest};
use rowhouse_tokens::Role;

use crate::exports_gate::until_count;
use crate::exports_support::{Exports, assert_has, listed, place_many};
use crate::world::{World, an_order, refusal};

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_holds_no_connection() {
    let limit = Duration::from_secs(2);
    let world = World::start_with(|config| {
        config.database.pool_size = 1;
        config.grpc.request_timeout = limit;
    })
    .await;
    let orders = world.tenant("acme").await;
    place_many(&world, orders.tenant, 5_000).await;
    let exports = Exports::of(&world, orders.tenant, Role::Member).await;
    let id = exports.create(ExportFormat::Jsonl, None).await.unwrap().id;
    assert_eq!(exports.ended(&id).await.status(), ExportStatus::Succeeded);

    let mut readers = Vec::new();
    // As many as a tenant may have.
    for _ in 0..8 {
        // Each reader has a connection of its own, so that a slow one does not block the others.
        let reader = Exports::of(&world, orders.tenant, Role::Member).await;
        let mut pieces = reader.open(&id).await.unwrap();
        let first = pieces.message().await.unwrap().unwrap();
        assert!(first.data.len() < 512 * 1024, "{}", first.data.len());
        readers.push((pieces, first.data));
    }
    assert_eq!(refusal(exports.open(&id).await.map(drop)).code, Code::OVERLOADED);
    // For longer than the time limit of a request.
    let started = std::time::Instant::now();
    while started.elapsed() < limit + limit / 2 {
        assert_eq!(orders.list(ListOrdersRequest::default()).await.unwrap().orders.len(), 20);
    }
    let wanted = listed(&orders, None).await;
    for (mut pieces, mut file) in readers {
        while let Some(piece) = pieces.message().await.unwrap() {
            file.extend(piece.data);
        }
        assert_has(ExportFormat::Jsonl, &file, &wanted);
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_ends_with_its_tenants_access() {
    let world = World::start().await;
    let orders = world.tenant("acme").await;
    place_many(&world, orders.tenant, 5_000).await;
    let exports = Exports::of(&world, orders.tenant, Role::Member).await;
    let id = exports.create(ExportFormat::Jsonl, None).await.unwrap().id;
    exports.ended(&id).await;
    let mut pieces = exports.open(&id).await.unwrap();
    pieces.message().await.unwrap().unwrap();
    let suspend = format!("UPDATE tenancy.tenants SET status = 'suspended' WHERE id = '{}'", orders.tenant);
    world.database.admin().await.batch_execute(&suspend).await.unwrap();
    let mut more = 0;
    let error = loop {
        match pieces.message().await {
            Ok(Some(_)) => more += 1,
            Ok(None) => panic!("the whole file after {more} more pieces"),
            Err(error) => break error,
        }
    };
    assert_eq!(refusal::<()>(Err(error)).code, Code::TENANT_SUSPENDED);
    assert!(more <= 10, "{more}: what was under way");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_expires() {
    let world = World::start().await;
    let orders = world.tenant("acme").await;
    place_many(&world, orders.tenant, 5_000).await;
    let exports = Exports::of(&world, orders.tenant, Role::Member).await;
    let id = exports.create(ExportFormat::Jsonl, None).await.unwrap().id;
    let kept = exports.create(ExportFormat::Csv, None).await.unwrap().id;
    exports.ended(&kept).await;
    exports.ended(&id).await;
    let mut pieces = exports.open(&id).await.unwrap();
    pieces.message().await.unwrap().unwrap();

    let mut admin = world.database.admin().await;
    let scheduled = "SELECT count(*) AS count FROM jobs.jobs j JOIN orders.exports e
                     ON j.payload->>'export_id' = e.id::text AND j.due_at = e.expires_at
                     WHERE j.kind = 'export.delete' AND j.status = 'queued'";
    until_count(&mut admin, scheduled, 2).await;
    // A day later.
    admin
        .batch_execute(&format!("UPDATE orders.exports SET expires_at = now() WHERE id = '{id}'"))
        .await
        .unwrap();
    assert_eq!(refusal(exports.get(&id).await).code, error_code::EXPORT_NOT_FOUND);
    assert_eq!(refusal(exports.open(&id).await.map(drop)).code, error_code::EXPORT_NOT_FOUND);
    let error = loop {
        match pieces.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the whole file"),
            Err(error) => break error,
        }
    };
    assert_eq!(refusal::<()>(Err(error)).code, error_code::EXPORT_NOT_FOUND);
    admin.batch_execute("UPDATE jobs.jobs SET due_at = now() WHERE kind = 'export.delete'").await.unwrap();
    let left = format!("SELECT count(*) AS count FROM orders.exports WHERE id = '{id}'");
    until_count(&mut admin, &left, 0).await;
    let left = format!("SELECT count(*) AS count FROM orders.export_chunks WHERE export_id = '{id}'");
    until_count(&mut admin, &left, 0).await;
    // The other export's job was early, and is rescheduled.
    until_count(&mut admin, scheduled, 1).await;
    assert!(!exports.download(&kept).await.is_empty());
    orders.create(an_order()).await.unwrap();
    world.stop().await;
}
