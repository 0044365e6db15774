//! Orders of a tenant that are asked for at the same time, which are placed in one transaction.

use std::time::Duration;

use diesel::dsl::sql;
use diesel::sql_types::BigInt;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use futures_util::future::join_all;
use rowhouse_chassis::error::{Code, Fault};
use rowhouse_proto::orders::v1::{CreateOrderRequest, ListOrdersRequest, Order};
use rowhouse_testkit::TestDatabase;
use rowhouse_tokens::Role;
use tokio::task::JoinHandle;
use tonic::Status;

use crate::exports_gate::until_count;
use crate::webhooks::{Received, Receiver, Webhooks};
use crate::world::{Orders, World, an_order, refusal};

/// 1 if something waits for a counter.
const WAITING: &str = "SELECT least(count(*), 1) AS count FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE a.datname = current_database() AND a.usename = 'rowhouse_orders' AND NOT l.granted";

/// Starts a service whose transactions wait for locks as long as the tests need.
async fn world() -> World {
    let database = TestDatabase::create().await;
    let patient = "DO $$ BEGIN EXECUTE format(
        'ALTER ROLE rowhouse_orders IN DATABASE %I SET lock_timeout = 60000', current_database()
    ); END $$";
    database.admin().await.batch_execute(patient).await.unwrap();
    World::start_on(database, |config| config.grpc.request_timeout = Duration::from_secs(60)).await
}

/// Creates that wait until the tenant's counter is released.
struct Held {
    holder: AsyncPgConnection,
    /// The caller who asked first.
    orders: Orders,
    first: JoinHandle<Result<Order, Status>>,
}

impl Held {
    /// Holds the counter, and lets a first create wait for it.
    async fn begin(world: &World, orders: &Orders) -> Self {
        let mut observer = world.database.admin().await;
        let mut holder = world.database.admin().await;
        let hold = format!(
            "BEGIN; SELECT last_number FROM orders.number_series WHERE tenant_id = '{}' FOR UPDATE",
            orders.tenant
        );
        holder.batch_execute(&hold).await.unwrap();
        let first = create(orders, an_order());
        until_count(&mut observer, WAITING, 1).await;
        Self { holder, first, orders: orders.clone() }
    }

    /// Releases the counter when what has been sent has arrived.
    async fn end(mut self, creates: Vec<JoinHandle<Result<Order, Status>>>) -> Vec<Result<Order, Fault>> {
        for _ in 0..10 {
            self.orders.list(ListOrdersRequest::default()).await.unwrap();
        }
        self.holder.batch_execute("COMMIT").await.unwrap();
        self.first.await.unwrap().unwrap();
        let answers = join_all(creates).await.into_iter().map(Result::unwrap);
        answers.map(|answer| answer.map_err(|status| refusal::<Order>(Err(status)))).collect()
    }
}

fn create(orders: &Orders, request: CreateOrderRequest) -> JoinHandle<Result<Order, Status>> {
    let orders = orders.clone();
    tokio::spawn(async move { orders.create(request).await })
}

fn of(customer: &str) -> CreateOrderRequest {
    CreateOrderRequest { customer: customer.to_owned(), ..an_order() }
}

async fn count(world: &World, query: &str) -> i64 {
    sql::<BigInt>(query).get_result(&mut world.database.admin().await).await.unwrap()
}

/// Fails unless there are so many orders, with numbers without a gap.
async fn assert_gapless(world: &World, orders: i64) {
    let gapless = format!("SELECT count(DISTINCT number) FROM orders.orders WHERE number <= {orders}");
    assert_eq!(count(world, "SELECT count(*) FROM orders.orders").await, orders);
    assert_eq!(count(world, &gapless).await, orders);
    assert_eq!(count(world, "SELECT last_number FROM orders.number_series").await, orders);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_has_its_own_lines_event_and_answer() {
    let world = world().await;
    let orders = world.tenant("acme").await;
    let webhooks = Webhooks::of(&world, orders.tenant, Role::Admin).await;
    let receiver = Receiver::start().await;
    webhooks.register(&receiver).await;
    orders.create(an_order()).await.unwrap();
    let held = Held::begin(&world, &orders).await;
    let asked: Vec<_> = (0..24_i64)
        .map(|number| {
            let mut request = of(&format!("customer {number}"));
            request.idempotency_key = (number % 3 > 0).then(|| format!("key-{number}"));
            request.lines = vec![request.lines[0].clone(); usize::try_from(number % 4 + 1).unwrap()];
            request
        })
        .collect();
    let creates = asked.iter().map(|request| create(&orders, request.clone())).collect();
    let placed: Vec<_> = held.end(creates).await.into_iter().map(Result::unwrap).collect();

    // `first` of diesel is in scope.
    let sent: Vec<_> = Receiver::first(&receiver, 26).await.iter().map(Received::json).collect();
    for (request, order) in asked.iter().zip(&placed) {
        assert_eq!((&order.customer, &order.lines), (&request.customer, &request.lines));
        assert_eq!(orders.get(&order.id).await.unwrap(), *order);
        if request.idempotency_key.is_some() {
            assert_eq!(orders.create(request.clone()).await.unwrap(), *order);
        }
        let mut own = sent.iter().filter(|event| event["data"]["id"] == order.id.as_str());
        assert_eq!(own.next().unwrap()["data"]["number"], order.number);
        assert!(own.next().is_none(), "one event for each");
    }
    assert_gapless(&world, 26).await;
    let transactions = count(&world, "SELECT count(DISTINCT xmin::text) FROM orders.orders").await;
    assert!(transactions <= 13, "26 orders were placed in {transactions} transactions");
    world.stop().await;
}

/// The order of Mallory fails in the database, for a reason that the service does not know.
#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_that_orders_alone() {
    let world = world().await;
    let orders = world.tenant("acme").await;
    orders.create(an_order()).await.unwrap();
    let rule = "ALTER TABLE orders.orders ADD CHECK (customer <> 'Mallory')";
    world.database.admin().await.batch_execute(rule).await.unwrap();
    let held = Held::begin(&world, &orders).await;
    let customers = ["Ada", "Mallory", "Grace", "Mallory", "Edsger"];
    let creates = customers.iter().map(|customer| create(&orders, of(customer))).collect();
    for (customer, outcome) in customers.iter().zip(held.end(creates).await) {
        match outcome {
            Ok(order) => assert_eq!(order.customer, *customer),
            Err(fault) => assert_eq!((*customer, fault.code), ("Mallory", Code::INTERNAL)),
        }
    }
    assert_gapless(&world, 5).await;
    world.stop().await;
}

/// The other callers' sessions are as good as before.
#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_is_refused_among_others() {
    let world = world().await;
    let orders = world.tenant("acme").await;
    let (colleague, former) =
        (world.orders(orders.tenant, Role::Member).await, world.orders(orders.tenant, Role::Member).await);
    former.create(of("Mallory")).await.unwrap();
    let held = Held::begin(&world, &orders).await;
    world.revoke(&former).await;
    let callers = [&orders, &former, &colleague, &former, &orders];
    let creates = callers.iter().map(|caller| create(caller, of("Ada"))).collect();
    let outcomes = held.end(creates).await;
    for (caller, outcome) in callers.iter().zip(outcomes) {
        let code = outcome.err().map(|fault| fault.code);
        assert_eq!(code, (caller.token == former.token).then_some(Code::TOKEN_REVOKED));
    }
    assert_gapless(&world, 5).await;
    world.stop().await;
}

/// Two calls with one key in one transaction, and one with another request.
#[tokio::test(flavor = "multi_thread")]
async fn calls_with_one_key_place_one_order() {
    let world = world().await;
    let orders = world.tenant("acme").await;
    orders.create(an_order()).await.unwrap();
    let held = Held::begin(&world, &orders).await;
    let keyed = |customer| CreateOrderRequest { idempotency_key: Some("monday".to_owned()), ..of(customer) };
    let creates = ["Ada", "Ada", "Grace", "Ada"].iter().map(|customer| create(&orders, keyed(customer)));
    let outcomes = held.end(creates.collect()).await;
    let (placed, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    let placed: Vec<_> = placed.into_iter().map(Result::unwrap).collect();
    assert!(placed.iter().all(|order| *order == placed[0]), "{placed:?}");
    assert_eq!(placed.len(), if placed[0].customer == "Ada" { 3 } else { 1 });
    for fault in refused {
        assert_eq!(fault.unwrap_err().code, Code::IDEMPOTENCY_KEY_REUSED);
    }
    assert_gapless(&world, 3).await;
    world.stop().await;
}
