//! The onboarding service and auth on sockets, with a database and keys of their own.

mod keys;
mod requests;

use std::net::SocketAddr;
use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use rowhouse_auth::{AuthArgs, MailArgs, SessionArgs};
use rowhouse_chassis::config::{
    CallTlsArgs, DatabaseArgs, Environment, GrpcArgs, SigningArgs, TelemetryArgs, TrustArgs,
};
use rowhouse_chassis::error::{Code, fault};
use rowhouse_chassis::grpc::{TracedChannel, channel};
use rowhouse_chassis::service::{App, Config, RunError, Service};
use rowhouse_chassis::shutdown::{Shutdown, Trigger};
use rowhouse_jobs::WorkerArgs;
use rowhouse_onboarding::OnboardingArgs;
use rowhouse_orders::OrdersArgs;
use rowhouse_proto::ERROR_CODES;
use rowhouse_proto::auth::v1::auth_service_client::AuthServiceClient;
use rowhouse_proto::auth::v1::{LoginRequest, Tokens};
use rowhouse_proto::jobs::v1::job_service_client::JobServiceClient;
use rowhouse_proto::onboarding::v1::onboarding_service_client::OnboardingServiceClient;
use rowhouse_proto::onboarding::v1::{GetTenantRequest, OnboardTenantRequest, OnboardTenantResponse, Tenant};
use rowhouse_system::mail_directory::MailDirectory;
use rowhouse_testkit::mail::wait_for;
use rowhouse_testkit::{Email, ServiceName, TestDatabase, own_address};
use rowhouse_tokens::issuer;
use tokio::task::JoinHandle;
use tonic::Status;

pub(crate) use keys::Keys;
pub(crate) use requests::{With, request, with_token};

pub(crate) const PASSWORD: &str = "correct horse";

pub(crate) fn auth_config(database: &TestDatabase, keys: &Keys, listen: SocketAddr) -> rowhouse_auth::Config {
    rowhouse_auth::Config {
        grpc: GrpcArgs::new(listen),
        database: DatabaseArgs::new(database.url(ServiceName::Auth)),
        trust: TrustArgs::new(keys.trust_dir()),
        telemetry: TelemetryArgs::default(),
        environment: Environment::Dev,
        args: AuthArgs {
            bcrypt_cost: 4,
            token_lifetime: Duration::from_mins(10),
            encryption_keys: keys.encryption_keys(),
            require_verified_email: None,
            signing: SigningArgs { signing_keys: keys.signing_keys(issuer::AUTH) },
            sessions: SessionArgs::default(),
            sign_ups: rowhouse_auth::SignUpArgs::generous(),
            mail: MailArgs::into_directory(keys.mail_dir()),
            jobs: jobs(),
            retention: rowhouse_auth::RetentionArgs::default(),
        },
    }
}

fn orders_config(database: &TestDatabase, keys: &Keys, listen: SocketAddr) -> rowhouse_orders::Config {
    rowhouse_orders::Config {
        grpc: GrpcArgs::new(listen),
        database: DatabaseArgs::new(database.url(ServiceName::Orders)),
        trust: TrustArgs::new(keys.trust_dir()),
        telemetry: TelemetryArgs::default(),
        environment: Environment::Dev,
        args: OrdersArgs { encryption_keys: keys.encryption_keys(), jobs: jobs() },
    }
}

/// Returns settings with which another worker soon takes over a lost worker's jobs.
fn jobs() -> WorkerArgs {
    WorkerArgs { lease: Duration::from_secs(1), ..WorkerArgs::default() }
}

pub(crate) fn config(
    database: &TestDatabase,
    keys: &Keys,
    auth: SocketAddr,
    orders: SocketAddr,
) -> rowhouse_onboarding::Config {
    rowhouse_onboarding::Config {
        grpc: GrpcArgs::new("127.0.0.1:0".parse().unwrap()),
        database: DatabaseArgs::new(database.url(ServiceName::Onboarding)),
        trust: TrustArgs::new(keys.trust_dir()),
        telemetry: TelemetryArgs::default(),
        environment: Environment::Dev,
        args: OnboardingArgs {
            bcrypt_cost: 4,
            auth_endpoint: format!("http://{auth}"),
            orders_endpoint: format!("http://{orders}"),
            calls: CallTlsArgs::default(),
            signing: SigningArgs { signing_keys: keys.signing_keys(issuer::ONBOARDING) },
            jobs: jobs(),
            onboarding_retention: OnboardingArgs::RETENTION,
        },
    }
}

/// A running server.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    trigger: Trigger,
    served: JoinHandle<Result<(), RunError>>,
}

impl Running {
    pub(crate) async fn start<S: Service>(config: Config<S>) -> Self {
        let app = App::build(config).await.unwrap();
        let (trigger, shutdown) = Shutdown::new();
        Self { address: app.address(), trigger, served: tokio::spawn(app.serve(shutdown)) }
    }

    pub(crate) fn channel(&self) -> TracedChannel {
        channel(&format!("http://{}", self.address)).unwrap()
    }

    pub(crate) async fn stop(self) {
        self.trigger.request();
        self.served.await.unwrap().unwrap();
    }
}

pub(crate) struct World {
    pub(crate) database: TestDatabase,
    pub(crate) keys: Keys,
    pub(crate) auth: Option<Running>,
    /// The address where onboarding expects auth.
    pub(crate) auth_address: SocketAddr,
    pub(crate) orders: Option<Running>,
    /// The address where onboarding expects orders.
    pub(crate) orders_address: SocketAddr,
    onboarding: Running,
    channel: TracedChannel,
}

impl World {
    pub(crate) async fn start() -> Self {
        let mut world = Self::alone().await;
        world.start_auth().await;
        world.start_orders().await;
        world
    }

    /// Starts onboarding alone; the ports of auth and orders are free.
    pub(crate) async fn alone() -> Self {
        let (database, keys) = (TestDatabase::create().await, Keys::generate());
        let (auth_address, orders_address) = (own_address(), own_address());
        let onboarding = Running::start(config(&database, &keys, auth_address, orders_address)).await;
        let channel = onboarding.channel();
        let (auth, orders) = (None, None);
        Self { database, keys, auth, auth_address, orders, orders_address, onboarding, channel }
    }

    pub(crate) async fn start_orders(&mut self) {
        let config = orders_config(&self.database, &self.keys, self.orders_address);
        self.orders = Some(Running::start(config).await);
    }

    pub(crate) async fn start_auth(&mut self) {
        self.auth = Some(Running::start(auth_config(&self.database, &self.keys, self.auth_address)).await);
    }

    pub(crate) async fn stop(self) {
        self.onboarding.stop().await;
        if let Some(auth) = self.auth {
            auth.stop().await;
        }
        if let Some(orders) = self.orders {
            orders.stop().await;
        }
    }

    pub(crate) fn jobs(&self) -> JobServiceClient<TracedChannel> {
        JobServiceClient::new(self.auth.as_ref().unwrap().channel())
    }

    /// Returns the tenant, by an access token or a status token.
    pub(crate) async fn get_tenant(&self, token: &str, id: &str) -> Result<Tenant, Status> {
        let request = with_token(token, GetTenantRequest { id: id.to_owned() });
        Ok(self.client().get_tenant(request).await?.into_inner().tenant.unwrap())
    }

    /// Waits until a query returns the expected value.
    pub(crate) async fn until(&self, expression: &str, expected: &str) {
        self.database.until(expression, expected).await;
    }

    pub(crate) fn client(&self) -> OnboardingServiceClient<TracedChannel> {
        OnboardingServiceClient::new(self.channel.clone())
    }

    pub(crate) async fn onboard(
        &self,
        request: OnboardTenantRequest,
    ) -> Result<OnboardTenantResponse, Status> {
        Ok(self.client().onboard_tenant(request).await?.into_inner())
    }

    pub(crate) async fn login(
        &self,
        email: &str,
        password: &str,
        tenant: Option<&str>,
    ) -> Result<Tokens, Status> {
        let channel = self.auth.as_ref().unwrap().channel();
        let tenant = tenant.map(str::to_owned);
        let (email, password) = (email.to_owned(), password.to_owned());
        let request = LoginRequest { email, password, tenant, device_token: None };
        Ok(AuthServiceClient::new(channel).login(request).await?.into_inner().tokens.unwrap())
    }

    /// Onboards with an access token.
    pub(crate) async fn onboard_as(
        &self,
        token: &str,
        request: OnboardTenantRequest,
    ) -> Result<OnboardTenantResponse, Status> {
        Ok(self.client().onboard_tenant(with_token(token, request)).await?.into_inner())
    }

    /// Waits for an email to the address about a subject, and returns the first one.
    pub(crate) async fn mail_to(&self, address: &str, subject_contains: &str) -> Email {
        wait_for(&MailDirectory::at(self.keys.mail_dir()), address, subject_contains).await
    }

    /// Executes statements as the superuser.
    pub(crate) async fn sql(&self, statements: &str) {
        self.database.admin().await.batch_execute(statements).await.unwrap();
    }

    /// Returns the value of a query as text, as the superuser sees it.
    pub(crate) async fn value(&self, expression: &str) -> String {
        self.database.value(expression).await
    }

    /// Returns the numbers of tenants, identities, memberships and keys.
    pub(crate) async fn counts(&self) -> String {
        self.value(
            "SELECT concat_ws(' ', (SELECT count(*) FROM tenancy.tenants),
                (SELECT count(*) FROM auth.identities), (SELECT count(*) FROM auth.memberships),
                (SELECT count(*) FROM onboarding.idempotency_keys))",
        )
        .await
    }
}

/// Returns the code of a refusal.
pub(crate) fn refused<T: std::fmt::Debug>(answer: Result<T, Status>) -> Code {
    fault(&answer.unwrap_err(), ERROR_CODES).code
}
