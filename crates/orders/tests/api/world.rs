//! The service by itself, with a database and a signing key of its own.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::time::Duration;

use diesel::dsl::sql;
use diesel::sql_types::BigInt;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use futures_util::future::join_all;
use rowhouse_chassis::config::{DatabaseArgs, Environment, GrpcArgs, TelemetryArgs, TrustArgs};
use rowhouse_chassis::error::{Fault, fault};
use rowhouse_chassis::service::App;
use rowhouse_chassis::shutdown::{Shutdown, Trigger};
use rowhouse_jobs::WorkerArgs;
use rowhouse_orders::{Config, OrdersArgs};
use rowhouse_proto::ERROR_CODES;
use rowhouse_proto::orders::v1::order_service_client::OrderServiceClient;
use rowhouse_proto::orders::v1::{
    CreateOrderRequest, GetOrderRequest, ListOrdersRequest, ListOrdersResponse, Order, OrderLine,
    OrderStatus, UpdateOrderRequest,
};
use rowhouse_tenancy::TenantId;
use rowhouse_testkit::{ServiceName, TestDatabase};
use rowhouse_tokens::{JwkSet, Principal, Role, SigningKey, TokenIssuer, issuer};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use uuid::Uuid;

/// A running service. Dropping it stops it.
pub(crate) struct World {
    pub(crate) database: TestDatabase,
    address: SocketAddr,
    issuer: TokenIssuer,
    stop: Trigger,
    serving: JoinHandle<()>,
    trust: TempDir,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts it with a changed configuration.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_on(TestDatabase::create().await, change).await
    }

    /// Starts it on an existing database.
    pub(crate) async fn start_on(database: TestDatabase, change: impl FnOnce(&mut Config)) -> Self {
        let key = SigningKey::generate().unwrap();
        let trust = trust(&key);
        let mut config = config(&database.url(ServiceName::Orders), &trust);
        change(&mut config);
        let app = App::build(config).await.unwrap();
        // A stop does not wait for calls that hang.
        let (stop, shutdown) = Shutdown::within(Duration::from_secs(1));
        let address = app.address();
        let serving = tokio::spawn(async move { app.serve(shutdown).await.unwrap() });
        let issuer = TokenIssuer::new(issuer::DEVELOPMENT, key);
        Self { database, address, issuer, stop, serving, trust }
    }

    /// Creates a tenant, and returns its orders for a member.
    pub(crate) async fn tenant(&self, slug: &str) -> Orders {
        let tenant = TenantId::generate();
        let insert = format!(
            "INSERT INTO tenancy.tenants (id, slug, name, status) VALUES ('{tenant}', '{slug}', '{slug}', 'active')"
        );
        self.database.admin().await.batch_execute(&insert).await.unwrap();
        self.orders(tenant, Role::Member).await
    }

    /// Returns a tenant's orders for another caller.
    pub(crate) async fn orders(&self, tenant: TenantId, role: Role) -> Orders {
        let client = OrderServiceClient::connect(self.endpoint()).await.unwrap();
        let session = Uuid::now_v7();
        Orders { tenant, client, session, token: self.token_of(tenant, role, session) }
    }

    /// Returns an access token.
    pub(crate) fn token(&self, tenant: TenantId, role: Role) -> String {
        self.token_of(tenant, role, Uuid::now_v7())
    }

    fn token_of(&self, tenant: TenantId, role: Role, session: Uuid) -> String {
        let lifetime = Duration::from_secs(600);
        let principal = Principal::User { id: Uuid::now_v7(), role };
        self.issuer.access_token(&principal, tenant.as_uuid(), session, lifetime).unwrap().token
    }

    /// Ends a caller's session.
    pub(crate) async fn revoke(&self, Orders { tenant, session, .. }: &Orders) {
        let insert = format!(
            "INSERT INTO tenancy.token_revocations (tenant_id, id, issued_until) VALUES ('{tenant}', '{session}', now())"
        );
        self.database.admin().await.batch_execute(&insert).await.unwrap();
    }

    /// Returns the URL of the gRPC server.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the directory of the trusted keys and the encryption keys.
    pub(crate) fn keys(&self) -> &std::path::Path {
        self.trust.path()
    }

    /// Returns the configuration for another instance.
    pub(crate) fn config(&self) -> Config {
        config(&self.database.url(ServiceName::Orders), &self.trust)
    }

    /// Makes calls that write, and blocks the first write of their transactions until all of those want to write, so that each has read
    /// the state before the others' changes.
    pub(crate) async fn at_the_same_moment<F>(
        &self,
        transactions: i64,
        calls: impl IntoIterator<Item = F>,
    ) -> Vec<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let mut holder = self.database.admin().await;
        holder.batch_execute("BEGIN; LOCK TABLE orders.orders IN SHARE MODE").await.unwrap();
        let calls: Vec<_> = calls.into_iter().map(tokio::spawn).collect();
        let mut observer = self.database.admin().await;
        let all_wait = async {
            loop {
                let waiting = sql::<BigInt>(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                     AND usename = 'rowhouse_orders' AND wait_event_type = 'Lock'",
                );
                let waiting: i64 = waiting.get_result(&mut observer).await.unwrap();
                if waiting == transactions {
                    break;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), all_wait)
            .await
            .expect("all transactions want to write");
        holder.batch_execute("COMMIT").await.unwrap();
        join_all(calls).await.into_iter().map(Result::unwrap).collect()
    }

    /// Stops the service as SIGTERM does.
    pub(crate) async fn stop(self) {
        self.stop.request();
        self.serving.await.unwrap();
    }
}

/// Creates a directory in which `key` is auth's.
pub(crate) fn trust(key: &SigningKey) -> TempDir {
    let directory = TempDir::new().unwrap();
    let keys = JwkSet { keys: vec![key.jwk().clone()] };
    let file = directory.path().join(format!("{}.jwks.json", issuer::AUTH));
    std::fs::write(file, serde_json::to_vec(&keys).unwrap()).unwrap();
    std::fs::write(directory.path().join("encryption.keys"), format!("{}=\n", "A".repeat(43))).unwrap();
    directory
}

pub(crate) fn config(database_url: &str, trust: &TempDir) -> Config {
    Config {
        grpc: GrpcArgs::new("127.0.0.1:0".parse().unwrap()),
        database: DatabaseArgs { pool_size: 32, ..DatabaseArgs::new(database_url) },
        trust: TrustArgs::new(trust.path().to_owned()),
        telemetry: TelemetryArgs::default(),
        environment: Environment::Dev,
        args: OrdersArgs {
            encryption_keys: trust.path().join("encryption.keys"),
            jobs: WorkerArgs { lease: Duration::from_secs(2), ..WorkerArgs::default() },
        },
    }
}

/// A tenant's orders, as one caller sees them.
#[derive(Clone)]
pub(crate) struct Orders {
    pub(crate) tenant: TenantId,
    pub(crate) client: OrderServiceClient<Channel>,
    pub(crate) token: String,
    pub(crate) session: Uuid,
}

impl Orders {
    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let bearer = MetadataValue::try_from(format!("Bearer {}", self.token)).unwrap();
        request.metadata_mut().insert("authorization", bearer);
        request
    }

    pub(crate) async fn create(&self, message: CreateOrderRequest) -> Result<Order, Status> {
        let reply = self.client.clone().create_order(self.request(message)).await?;
        Ok(reply.into_inner().order.unwrap())
    }

    pub(crate) async fn get(&self, id: &str) -> Result<Order, Status> {
        let request = self.request(GetOrderRequest { id: id.to_owned() });
        Ok(self.client.clone().get_order(request).await?.into_inner().order.unwrap())
    }

    pub(crate) async fn list(&self, message: ListOrdersRequest) -> Result<ListOrdersResponse, Status> {
        Ok(self.client.clone().list_orders(self.request(message)).await?.into_inner())
    }

    pub(crate) async fn update(&self, id: &str, status: OrderStatus, etag: &str) -> Result<Order, Status> {
        let (id, etag) = (id.to_owned(), etag.to_owned());
        self.send_update(UpdateOrderRequest { id, status: status.into(), etag, priority: 0 }).await
    }

    pub(crate) async fn send_update(&self, message: UpdateOrderRequest) -> Result<Order, Status> {
        let reply = self.client.clone().update_order(self.request(message)).await?;
        Ok(reply.into_inner().order.unwrap())
    }
}

/// Returns a valid order.
pub(crate) fn an_order() -> CreateOrderRequest {
    CreateOrderRequest {
        customer: "Ada".to_owned(),
        currency: "EUR".to_owned(),
        lines: vec![line("chair", 2, 4_950)],
        ..CreateOrderRequest::default()
    }
}

pub(crate) fn line(sku: &str, quantity: i64, unit_price_minor: i64) -> OrderLine {
    OrderLine { sku: sku.to_owned(), quantity, unit_price_minor }
}

/// Returns the error of a refused call.
pub(crate) fn refusal<T: Debug>(outcome: Result<T, Status>) -> Fault {
    fault(&outcome.expect_err("the call was not refused"), ERROR_CODES)
}

/// Returns the invalid fields of a refused request.
pub(crate) fn wrong_fields<T: Debug>(outcome: Result<T, Status>) -> Vec<String> {
    let status = outcome.expect_err("the call was not refused");
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    fault(&status, ERROR_CODES).violations.into_iter().map(|violation| violation.field).collect()
}
