//! The auth service on a socket, with a database and keys of its own.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::Text;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use rowhouse::keys::KeyDirectory;
use rowhouse_auth::{App, Config};
use rowhouse_chassis::config::{DatabaseArgs, Environment, GrpcArgs, SigningArgs, TelemetryArgs, TrustArgs};
use rowhouse_chassis::error::{Code, fault};
use rowhouse_chassis::grpc::{ServeError, TracedChannel, channel};
use rowhouse_chassis::shutdown::{Shutdown, Trigger};
use rowhouse_proto::auth::v1::auth_service_client::AuthServiceClient;
use rowhouse_proto::auth::v1::{
    CreateMembershipRequest, CreateMembershipResponse, GetMeRequest, GetMeResponse, LoginRequest,
    LoginResponse, Role,
};
use rowhouse_tenancy::TenantId;
use rowhouse_tenancy::grpc::carry_token;
use rowhouse_testkit::{Role as DatabaseRole, TestDatabase};
use rowhouse_tokens::{Accepts, SigningKey, TokenIssuer, TrustStore, Verifier, issuer};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tonic::{Request, Status};

pub(crate) const PASSWORD: &str = "correct horse";

/// The keys of auth and onboarding, as files.
pub(crate) struct Keys {
    _directory: TempDir,
    files: KeyDirectory,
    pub(crate) onboarding: TokenIssuer,
}

impl Keys {
    pub(crate) fn generate() -> Self {
        let directory = TempDir::new().unwrap();
        let files = KeyDirectory::at(directory.path());
        files.generate().unwrap();
        let key = std::fs::read_to_string(files.signing_key(issuer::ONBOARDING)).unwrap();
        let onboarding = TokenIssuer::new(issuer::ONBOARDING, SigningKey::from_pem(&key).unwrap());
        Self { _directory: directory, files, onboarding }
    }

    /// Makes everybody trust another issuer, or an issuer's other key.
    pub(crate) fn publish(&self, name: &str, issuer: &TokenIssuer) {
        let set = serde_json::to_vec(&issuer.public_keys()).unwrap();
        std::fs::write(self.trust_dir().join(format!("{name}.jwks.json")), set).unwrap();
    }

    pub(crate) fn trust_dir(&self) -> PathBuf {
        self.files.trust()
    }

    pub(crate) fn signing_key(&self) -> PathBuf {
        self.files.signing_key(issuer::AUTH)
    }

    /// Believes people's tokens, as every service does.
    pub(crate) async fn verifier(&self) -> Verifier {
        let trust = TrustStore::load(self.trust_dir()).await.unwrap();
        Verifier::new(Arc::new(trust), Accepts::default())
    }
}

pub(crate) fn config(database: &TestDatabase, keys: &Keys) -> Config {
    Config {
        grpc: GrpcArgs::new("127.0.0.1:0".parse().unwrap()),
        database: DatabaseArgs::new(database.url(DatabaseRole::Auth)),
        trust: TrustArgs { trust_dir: keys.trust_dir() },
        signing: SigningArgs { signing_key: keys.signing_key() },
        telemetry: TelemetryArgs::default(),
        environment: Environment::Dev,
        bcrypt_cost: 4,
        token_lifetime: Duration::from_mins(10),
    }
}

pub(crate) struct Service {
    pub(crate) database: TestDatabase,
    pub(crate) keys: Keys,
    pub(crate) running: Running,
}

/// A server, apart from what it stands on.
pub(crate) struct Running {
    trigger: Trigger,
    served: JoinHandle<Result<(), ServeError>>,
    channel: TracedChannel,
}

impl Running {
    pub(crate) async fn start(config: Config) -> Self {
        let app = App::build(config).await.unwrap();
        let channel = channel(&format!("http://{}", app.address())).unwrap();
        let (trigger, shutdown) = Shutdown::new();
        Self { trigger, served: tokio::spawn(app.serve(shutdown)), channel }
    }

    pub(crate) fn client(&self) -> AuthServiceClient<TracedChannel> {
        AuthServiceClient::new(self.channel.clone())
    }

    pub(crate) async fn stop(self) {
        self.trigger.request();
        self.served.await.unwrap().unwrap();
    }

    pub(crate) async fn login(
        &self,
        email: &str,
        password: &str,
        tenant: Option<&str>,
    ) -> Result<LoginResponse, Status> {
        let tenant = tenant.map(str::to_owned);
        let request = LoginRequest { email: email.to_owned(), password: password.to_owned(), tenant };
        Ok(self.client().login(request).await?.into_inner())
    }
}

impl Service {
    pub(crate) async fn start() -> Self {
        let (database, keys) = (TestDatabase::create().await, Keys::generate());
        let running = Running::start(config(&database, &keys)).await;
        Self { database, keys, running }
    }

    /// An active tenant.
    pub(crate) async fn tenant(&self, slug: &str) -> TenantId {
        let tenant = TenantId::generate();
        self.sql(&format!(
            "INSERT INTO tenancy.tenants (id, slug, name, status) VALUES ('{tenant}', '{slug}', '{slug}', 'active')"
        ))
        .await;
        tenant
    }

    /// Runs statements as the superuser.
    pub(crate) async fn sql(&self, statements: &str) {
        self.database.admin().await.batch_execute(statements).await.unwrap();
    }

    /// The one value that a query answers with, as text, as the superuser sees it.
    pub(crate) async fn value(&self, expression: &str) -> String {
        #[derive(QueryableByName)]
        struct Value {
            #[diesel(sql_type = Text)]
            value: String,
        }
        let query = diesel::sql_query(format!("SELECT ({expression})::text AS value"));
        query.get_result::<Value>(&mut self.database.admin().await).await.unwrap().value
    }

    /// Makes a member as the onboarding service does.
    pub(crate) async fn create_membership(
        &self,
        tenant: TenantId,
        email: &str,
        password: &str,
        role: Role,
    ) -> Result<CreateMembershipResponse, Status> {
        let token = self.keys.onboarding.service_token(issuer::AUTH, tenant.as_uuid()).unwrap();
        let request = membership_request(tenant, &token, email, password, role);
        Ok(self.running.client().create_membership(request).await?.into_inner())
    }

    /// An administrator with the usual password.
    pub(crate) async fn member(&self, tenant: TenantId, email: &str) {
        self.create_membership(tenant, email, PASSWORD, Role::Admin).await.unwrap();
    }

    pub(crate) async fn get_me(&self, tenant: TenantId, token: &str) -> Result<GetMeResponse, Status> {
        let mut request = Request::new(GetMeRequest {});
        carry_token(request.metadata_mut(), tenant, token);
        Ok(self.running.client().get_me(request).await?.into_inner())
    }
}

pub(crate) fn membership_request(
    tenant: TenantId,
    token: &str,
    email: &str,
    password: &str,
    role: Role,
) -> Request<CreateMembershipRequest> {
    let (email, password) = (email.to_owned(), password.to_owned());
    let mut request = Request::new(CreateMembershipRequest { email, password, role: role.into() });
    carry_token(request.metadata_mut(), tenant, token);
    request
}

/// The code of an answer that has to be a refusal.
pub(crate) fn refused<T: std::fmt::Debug>(answer: Result<T, Status>) -> Code {
    fault(&answer.unwrap_err()).code
}
