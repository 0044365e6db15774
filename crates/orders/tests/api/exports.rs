//! Exports: the contents of the files, and permissions.

use diesel::dsl::sql;
use diesel::sql_types::BigInt;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use rowhouse_chassis::error::Code;
use rowhouse_proto::orders::v1::error_code;
use rowhouse_proto::orders::v1::{
    CreateExportRequest, CreateOrderRequest, ExportFormat, ExportProgress, ExportStatus, OrderStatus,
};
use rowhouse_tokens::Role;
use uuid::Uuid;

use crate::exports_support::{Exports, assert_has, listed, place_many};
use crate::world::{World, an_order, line, refusal, wrong_fields};

const FORMATS: [ExportFormat; 2] = [ExportFormat::Csv, ExportFormat::Jsonl];

#[tokio::test(flavor = "multi_thread")]
async fn each_order_is_there_once() {
    let world = World::start().await;
    let orders = world.tenant("acme").await;
    let other = world.tenant("globex").await;
    place_many(&world, orders.tenant, 2_500).await;
    other.create(an_order()).await.unwrap();
    let exports = Exports::of(&world, orders.tenant, Role::Member).await;
    for format in FORMATS {
        for status in [None, Some(OrderStatus::Paid), Some(OrderStatus::Cancelled)] {
            let export = exports.create(format, status).await.unwrap();
            assert_eq!((export.format(), export.order_status()), (format, status.unwrap_or_default()));
            let ended = exports.ended(&export.id).await;
            assert_eq!(ended.status(), ExportStatus::Succeeded, "{ended:?}");
            let wanted = listed(&orders, status).await;
            let count = i64::try_from(wanted.len()).unwrap();
            assert_eq!(ended.progress, Some(ExportProgress { done: count, total: count }));
            let (finished, expires) = (ended.finished_at.unwrap(), ended.expires_at.unwrap());
            assert_eq!(expires.seconds - finished.seconds, 24 * 60 * 60);
            assert_has(format, &exports.download(&export.id).await, &wanted);
        }
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_without_orders_has_a_file_without_orders() {
    let world = World::start().await;
    let tenant = world.tenant("acme").await.tenant;
    let exports = Exports::of(&world, tenant, Role::Owner).await;
    let csv = exports.file(ExportFormat::Csv, None).await;
    assert!(csv.starts_with(b"order_id,number,") && csv.ends_with(b",unit_price_minor\r\n"));
    assert_has(ExportFormat::Csv, &csv, &[]);
    assert!(exports.file(ExportFormat::Jsonl, None).await.is_empty());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_are_exported_unchanged() {
    let world = World::start().await;
    let orders = world.tenant("acme").await;
    let long = "\u{1f600}".repeat(200);
    for customer in [
        "=1+1",
        "+49 30",
        "-1",
        "@SUM(A1:A9)",
        "x;=1;-2",
        "x; =1+1",
        "x|  @SUM(1)",
        "x;\u{a0}=1+1",
        "\"=1+1\"",
        "'t Hooft",
        "Ada, Countess",
        "\"Ada\"",
        &"\"".repeat(200),
    ] {
        let lines = vec![line("=cmd|' /C calc'!A0", 1, 1), line("a,b\"c", 1, 1)];
        let new = CreateOrderRequest { customer: customer.to_owned(), lines, ..an_order() };
        orders.create(new).await.unwrap();
    }
    let lines = vec![line(&"\u{1f600}".repeat(64), 1, 1); 200];
    orders.create(CreateOrderRequest { customer: long, lines, ..an_order() }).await.unwrap();
    // Nobody can enter these texts, but the table may have them from elsewhere.
    let mut admin = world.database.admin().await;
    for (number, customer) in [
        (1, "'two' || chr(10) || 'lines'"),
        (2, "chr(13) || chr(10) || '=1'"),
        (3, "chr(9) || '\"'"),
        (4, "chr(8203) || chr(65279) || ' =1'"),
    ] {
        let update = format!(
            "UPDATE orders.orders SET customer = {customer} WHERE tenant_id = '{}' AND number = {number}",
            orders.tenant
        );
        admin.batch_execute(&update).await.unwrap();
    }
    let exports = Exports::of(&world, orders.tenant, Role::Admin).await;
    let wanted = listed(&orders, None).await;
    for format in FORMATS {
        assert_has(format, &exports.file(format, None).await, &wanted);
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_says_all_that_is_wrong() {
    let world = World::start().await;
    let tenant = world.tenant("acme").await.tenant;
    let exports = Exports::of(&world, tenant, Role::Member).await;
    let request = CreateExportRequest {
        resource: "invoices".to_owned(),
        format: 0,
        order_status: 9,
        idempotency_key: None,
    };
    assert_eq!(wrong_fields(exports.send(request).await), ["resource", "format", "order_status"]);
    assert_eq!(wrong_fields(exports.get("x").await), ["id"]);
    assert_eq!(wrong_fields(exports.open("").await.map(drop)), ["id"]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_may_not() {
    let world = World::start().await;
    let tenant = world.tenant("acme").await.tenant;
    let member = Exports::of(&world, tenant, Role::Member).await;
    let export = member.create(ExportFormat::Csv, None).await.unwrap();
    member.ended(&export.id).await;
    let viewer = Exports::of(&world, tenant, Role::Viewer).await;
    assert_eq!(refusal(viewer.create(ExportFormat::Csv, None).await).code, Code::PERMISSION_DENIED);
    assert_eq!(refusal(viewer.get(&export.id).await).code, Code::PERMISSION_DENIED);
    assert_eq!(refusal(viewer.open(&export.id).await.map(drop)).code, Code::PERMISSION_DENIED);
    // The export belongs to the tenant, not to the person.
    let owner = Exports::of(&world, tenant, Role::Owner).await;
    assert_eq!(owner.get(&export.id).await.unwrap().id, export.id);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_export_and_a_missing_one_are_the_same() {
    let world = World::start().await;
    let (acme, globex) = (world.tenant("acme").await, world.tenant("globex").await);
    globex.create(an_order()).await.unwrap();
    let as_acme = Exports::of(&world, acme.tenant, Role::Owner).await;
    let as_globex = Exports::of(&world, globex.tenant, Role::Owner).await;
    let foreign = as_globex.create(ExportFormat::Csv, None).await.unwrap().id;
    as_globex.ended(&foreign).await;
    let missing = Uuid::now_v7().to_string();
    for (foreign, missing) in [
        (as_acme.get(&foreign).await.map(drop), as_acme.get(&missing).await.map(drop)),
        (as_acme.open(&foreign).await.map(drop), as_acme.open(&missing).await.map(drop)),
    ] {
        let (foreign, missing) = (foreign.unwrap_err(), missing.unwrap_err());
        assert_eq!((foreign.message(), foreign.details()), (missing.message(), missing.details()));
        assert_eq!(refusal::<()>(Err(foreign)).code, error_code::EXPORT_NOT_FOUND);
    }

    // Nor does the database show it to the service in another tenant, or without one.
    let mut service = world.database.connect_as(rowhouse_testkit::ServiceName::Orders).await;
    let count = "(SELECT count(*) FROM orders.exports) + (SELECT count(*) FROM orders.export_chunks)";
    let enter = |tenant| format!("BEGIN; SELECT tenancy.set_tenant_context('{tenant}')");
    for (opening, seen) in [("BEGIN".to_owned(), 0_i64), (enter(acme.tenant), 0), (enter(globex.tenant), 2)] {
        service.batch_execute(&opening).await.unwrap();
        let found: i64 = diesel::select(sql::<BigInt>(count)).get_result(&mut service).await.unwrap();
        assert_eq!(found, seen, "{opening}");
        service.batch_execute("ROLLBACK").await.unwrap();
    }
    // Nor can one tenant's chunk be inserted into another's file.
    service.batch_execute(&enter(acme.tenant)).await.unwrap();
    let smuggled = format!(
        "INSERT INTO orders.export_chunks (tenant_id, id, export_id, position, data)
         VALUES ('{}', '{missing}', '{foreign}', 9, 'x')",
        acme.tenant
    );
    let refused = service.batch_execute(&smuggled).await.unwrap_err();
    assert!(refused.to_string().contains("export_chunks_export_fkey"), "{refused}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_gets_the_same_export() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let exports = Exports::of(&world, acme.tenant, Role::Member).await;
    let others = Exports::of(&world, acme.tenant, Role::Member).await;
    let keyed = |format: ExportFormat| CreateExportRequest {
        resource: "orders".to_owned(),
        format: format.into(),
        order_status: 0,
        idempotency_key: Some("1".to_owned()),
    };
    let first = exports.send(keyed(ExportFormat::Csv)).await.unwrap();
    assert_eq!(exports.send(keyed(ExportFormat::Csv)).await.unwrap(), first);
    let other = refusal(exports.send(keyed(ExportFormat::Jsonl)).await);
    assert_eq!(other.code, Code::IDEMPOTENCY_KEY_REUSED);
    assert_ne!(others.send(keyed(ExportFormat::Csv)).await.unwrap().id, first.id, "another person's call");
    world.stop().await;
}
