//! The auth service on a socket, with a database and keys of its own.

#![allow(dead_code, unused_imports, reason = "each test file uses its part")]

mod keys;
mod new_member;

use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use rowhouse_auth::{AuthArgs, Config, MailArgs, SessionArgs, SignUpArgs};
use rowhouse_chassis::config::{DatabaseArgs, Environment, GrpcArgs, SigningArgs, TelemetryArgs, TrustArgs};
use rowhouse_chassis::error::{Code, fault};
use rowhouse_chassis::grpc::{TracedChannel, channel};
use rowhouse_chassis::service::{App, RunError};
use rowhouse_chassis::shutdown::{Shutdown, Trigger};
use rowhouse_jobs::WorkerArgs;
use rowhouse_proto::ERROR_CODES;
use rowhouse_proto::auth::v1::api_key_service_client::ApiKeyServiceClient;
use rowhouse_proto::auth::v1::audit_log_service_client::AuditLogServiceClient;
use rowhouse_proto::auth::v1::auth_service_client::AuthServiceClient;
use rowhouse_proto::auth::v1::invitation_service_client::InvitationServiceClient;
use rowhouse_proto::auth::v1::member_service_client::MemberServiceClient;
use rowhouse_proto::auth::v1::mfa_service_client::MfaServiceClient;
use rowhouse_proto::auth::v1::session_service_client::SessionServiceClient;
use rowhouse_proto::auth::v1::{
    CreateMembershipResponse, GetMeRequest, GetMeResponse, LoginRequest, LoginResponse, Role,
};
use rowhouse_proto::jobs::v1::job_service_client::JobServiceClient;
use rowhouse_system::mail_directory::MailDirectory;
use rowhouse_tenancy::TenantId;
use rowhouse_tenancy::grpc::carry_token;
pub(crate) use rowhouse_testkit::Email;
use rowhouse_testkit::mail::{emails_to, wait_for};
use rowhouse_testkit::{ServiceName, TestDatabase};
use rowhouse_tokens::issuer;
use tokio::task::JoinHandle;
use tonic::{Request, Status};

pub(crate) use keys::Keys;
pub(crate) use new_member::{NewMember, make_member, prepare, prove};

pub(crate) const PASSWORD: &str = "correct horse";

pub(crate) fn config(database: &TestDatabase, keys: &Keys) -> Config {
    Config {
        grpc: GrpcArgs::new("127.0.0.1:0".parse().unwrap()),
        database: DatabaseArgs::new(database.url(ServiceName::Auth)),
        trust: TrustArgs::new(keys.trust_dir()),
        telemetry: TelemetryArgs::default(),
        environment: Environment::Dev,
        args: AuthArgs {
            bcrypt_cost: 4,
            token_lifetime: Duration::from_mins(10),
            encryption_keys: keys.encryption_keys(),
            require_verified_email: None,
            signing: SigningArgs { signing_keys: keys.signing_keys() },
            sessions: SessionArgs::default(),
            sign_ups: SignUpArgs::generous(),
            mail: MailArgs::into_directory(keys.mail_dir()),
            jobs: WorkerArgs::default(),
            retention: rowhouse_auth::RetentionArgs::default(),
        },
    }
}

pub(crate) struct Service {
    pub(crate) database: TestDatabase,
    pub(crate) keys: Keys,
    pub(crate) running: Running,
}

/// A running server.
pub(crate) struct Running {
    trigger: Trigger,
    served: JoinHandle<Result<(), RunError>>,
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

    pub(crate) fn api_keys(&self) -> ApiKeyServiceClient<TracedChannel> {
        ApiKeyServiceClient::new(self.channel.clone())
    }

    pub(crate) fn audit_log(&self) -> AuditLogServiceClient<TracedChannel> {
        AuditLogServiceClient::new(self.channel.clone())
    }

    pub(crate) fn invitations(&self) -> InvitationServiceClient<TracedChannel> {
        InvitationServiceClient::new(self.channel.clone())
    }

    pub(crate) fn jobs(&self) -> JobServiceClient<TracedChannel> {
        JobServiceClient::new(self.channel.clone())
    }

    pub(crate) fn members(&self) -> MemberServiceClient<TracedChannel> {
        MemberServiceClient::new(self.channel.clone())
    }

    pub(crate) fn mfa(&self) -> MfaServiceClient<TracedChannel> {
        MfaServiceClient::new(self.channel.clone())
    }

    pub(crate) fn sessions(&self) -> SessionServiceClient<TracedChannel> {
        SessionServiceClient::new(self.channel.clone())
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
        let (email, password) = (email.to_owned(), password.to_owned());
        let request = LoginRequest { email, password, tenant, device_token: None };
        Ok(self.client().login(request).await?.into_inner())
    }
}

impl Service {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts a service with a changed configuration.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let (database, keys) = (TestDatabase::create().await, Keys::generate());
        let mut config = config(&database, &keys);
        change(&mut config);
        let running = Running::start(config).await;
        Self { database, keys, running }
    }

    /// Returns the directory that emails arrive in by default.
    pub(crate) fn mail(&self) -> MailDirectory {
        MailDirectory::at(self.keys.mail_dir())
    }

    /// Waits for an email to the address about a subject, and returns the first one.
    pub(crate) async fn mail_to(&self, address: &str, subject_contains: &str) -> Email {
        wait_for(&self.mail(), address, subject_contains).await
    }

    /// Waits until all emails are sent, by jobs of a tenant or of none.
    pub(crate) async fn until_sent(&self) {
        let left = "SELECT (SELECT count(*) FROM jobs.global_jobs)
            + (SELECT count(*) FROM jobs.jobs WHERE kind = 'letter.send' AND status IN ('queued', 'running'))";
        self.until(left, "0").await;
    }

    /// Returns the subjects of the emails to an address, after all background work has ended.
    pub(crate) async fn subjects_to(&self, address: &str) -> Vec<String> {
        self.until("SELECT count(*) FROM jobs.global_jobs", "0").await;
        emails_to(&self.mail(), address).into_iter().map(|message| message.subject).collect()
    }

    /// Waits until a query returns the expected value.
    pub(crate) async fn until(&self, expression: &str, expected: &str) {
        self.database.until(expression, expected).await;
    }

    /// Creates an active tenant.
    pub(crate) async fn tenant(&self, slug: &str) -> TenantId {
        let tenant = TenantId::generate();
        self.sql(&format!(
            "INSERT INTO tenancy.tenants (id, slug, name, status) VALUES ('{tenant}', '{slug}', '{slug}', 'active')"
        ))
        .await;
        tenant
    }

    /// Executes statements as the superuser.
    pub(crate) async fn sql(&self, statements: &str) {
        self.database.admin().await.batch_execute(statements).await.unwrap();
    }

    /// Returns the value of a query as text, as the superuser sees it.
    pub(crate) async fn value(&self, expression: &str) -> String {
        self.database.value(expression).await
    }

    /// Makes a call while the tenant is in set-up.
    pub(crate) async fn setting_up<T>(
        &self,
        tenant: TenantId,
        call: impl Future<Output = Result<tonic::Response<T>, Status>>,
    ) -> Result<T, Status> {
        let set = |from: &str, to: &str| {
            format!("UPDATE tenancy.tenants SET status = '{to}' WHERE id = '{tenant}' AND status = '{from}'")
        };
        self.sql(&set("active", "provisioning")).await;
        let answer = call.await;
        self.sql(&set("provisioning", "active")).await;
        Ok(answer?.into_inner())
    }

    /// Creates a member as the onboarding service does.
    pub(crate) async fn create_membership(
        &self,
        tenant: TenantId,
        email: &str,
        password: &str,
        role: Role,
    ) -> Result<CreateMembershipResponse, Status> {
        let new = NewMember { email, password: Some(password), access_token: None, role };
        let token = self.service_token(tenant);
        self.setting_up(tenant, make_member(self.running.client(), tenant, &token, new)).await
    }

    /// Creates a first owner as the onboarding service does, with or without a proof.
    pub(crate) async fn sign_up(
        &self,
        tenant: TenantId,
        email: &str,
        password: Option<&str>,
        access_token: Option<&str>,
    ) -> Result<CreateMembershipResponse, Status> {
        let new = NewMember { email, password, access_token, role: Role::Owner };
        let token = self.service_token(tenant);
        self.setting_up(tenant, make_member(self.running.client(), tenant, &token, new)).await
    }

    /// Returns the onboarding service's token for a call.
    pub(crate) fn service_token(&self, tenant: TenantId) -> String {
        self.keys.onboarding.service_token(issuer::AUTH, tenant.as_uuid()).unwrap()
    }

    /// Returns the access token of a person with the usual password.
    pub(crate) async fn access_token(&self, email: &str, tenant: Option<&str>) -> String {
        self.running.login(email, PASSWORD, tenant).await.unwrap().tokens.unwrap().access_token
    }

    /// Creates an administrator with the usual password, whose address is not confirmed.
    pub(crate) async fn member(&self, tenant: TenantId, email: &str) {
        self.create_membership(tenant, email, PASSWORD, Role::Admin).await.unwrap();
    }

    pub(crate) async fn get_me(&self, tenant: TenantId, token: &str) -> Result<GetMeResponse, Status> {
        let mut request = Request::new(GetMeRequest {});
        carry_token(request.metadata_mut(), tenant, token);
        Ok(self.running.client().get_me(request).await?.into_inner())
    }
}

/// Returns the code of a refusal.
pub(crate) fn refused<T: std::fmt::Debug>(answer: Result<T, Status>) -> Code {
    fault(&answer.unwrap_err(), ERROR_CODES).code
}
