//! A person with a second factor.

use std::time::{SystemTime, UNIX_EPOCH};

use rowhouse_chassis::error::{Fault, fault};
use rowhouse_proto::ERROR_CODES;
use rowhouse_proto::auth::v1::error_code;
use rowhouse_proto::auth::v1::{
    CompleteMfaRequest, ConfirmTotpRequest, CreateTotpRequest, CreateTotpResponse, DeleteTotpRequest, Tokens,
};
use rowhouse_tenancy::TenantId;
use rowhouse_tenancy::grpc::carry_token;
use tonic::Request;
use totp_rs::{Builder, Secret};

use crate::support::{PASSWORD, Running, Service};

pub(crate) const EMAIL: &str = "ada@example.com";

/// Returns the code of an authenticator application, some steps of 30 seconds from now.
pub(crate) fn code(secret: &str, steps: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let totp = Builder::new().with_secret(Secret::try_from_base32(secret).unwrap()).build().unwrap();
    totp.generate(now.saturating_add_signed(steps * 30)).to_string()
}

/// Returns six digits that are no code of the secret around this time.
pub(crate) fn wrong_code(secret: &str) -> String {
    let near: Vec<String> = (-3..=3).map(|steps| code(secret, steps)).collect();
    (0..10).map(|n| format!("{n:06}")).find(|code| !near.contains(code)).unwrap()
}

/// A caller with an access token.
pub(crate) struct Caller<'a> {
    pub(crate) running: &'a Running,
    pub(crate) tenant: TenantId,
    pub(crate) token: String,
}

impl Caller<'_> {
    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        carry_token(request.metadata_mut(), self.tenant, &self.token);
        request
    }

    pub(crate) async fn create(&self) -> Result<CreateTotpResponse, Fault> {
        let answer = self.running.mfa().create_totp(self.request(CreateTotpRequest {})).await;
        answer.map(tonic::Response::into_inner).map_err(|status| fault(&status, ERROR_CODES))
    }

    pub(crate) async fn confirm(&self, code: &str) -> Result<Vec<String>, Fault> {
        let request = self.request(ConfirmTotpRequest { code: code.to_owned() });
        let answer = self.running.mfa().confirm_totp(request).await;
        answer.map(|answer| answer.into_inner().recovery_codes).map_err(|status| fault(&status, ERROR_CODES))
    }

    pub(crate) async fn delete(&self, code: &str) -> Result<(), Fault> {
        let request = self.request(DeleteTotpRequest { code: code.to_owned() });
        self.running.mfa().delete_totp(request).await.map(drop).map_err(|status| fault(&status, ERROR_CODES))
    }
}

/// Makes the first step of a login of a person without a second factor.
pub(crate) async fn log_in<'a>(service: &'a Service, tenant: TenantId, email: &str) -> Caller<'a> {
    let tokens = service.running.login(email, PASSWORD, None).await.unwrap().tokens.unwrap();
    Caller { running: &service.running, tenant, token: tokens.access_token }
}

/// A person who has just activated their second factor.
pub(crate) struct Enrolled {
    pub(crate) secret: String,
    pub(crate) recovery_codes: Vec<String>,
    /// An access token from before.
    pub(crate) token: String,
}

impl Enrolled {
    pub(crate) fn caller<'a>(&self, service: &'a Service, tenant: TenantId) -> Caller<'a> {
        Caller { running: &service.running, tenant, token: self.token.clone() }
    }
}

pub(crate) async fn enrol(service: &Service, tenant: TenantId, email: &str) -> Enrolled {
    let caller = log_in(service, tenant, email).await;
    let secret = caller.create().await.unwrap().secret;
    let recovery_codes = caller.confirm(&code(&secret, 0)).await.unwrap();
    let token = caller.token;
    // As if it were some time ago: the current code is valid again.
    forget_steps(service).await;
    Enrolled { secret, recovery_codes, token }
}

/// Resets the used codes.
pub(crate) async fn forget_steps(service: &Service) {
    service.sql("UPDATE auth.totp SET last_step = 0").await;
}

/// Makes the first step of a login.
pub(crate) async fn first_step(service: &Service, email: &str) -> String {
    let fault = fault(&service.running.login(email, PASSWORD, None).await.unwrap_err(), ERROR_CODES);
    assert_eq!(fault.code, error_code::MFA_REQUIRED);
    fault.metadata.get("mfa_token").unwrap().clone()
}

/// Makes the second step.
pub(crate) async fn second_step(service: &Service, mfa_token: &str, code: &str) -> Result<Tokens, Fault> {
    let request = CompleteMfaRequest { mfa_token: mfa_token.to_owned(), code: code.to_owned() };
    let answer = service.running.client().complete_mfa(request).await;
    answer.map(|answer| answer.into_inner().tokens.unwrap()).map_err(|status| fault(&status, ERROR_CODES))
}

/// Returns an action's log entries, as `outcome reason`, in order.
pub(crate) async fn logged(service: &Service, action: &str) -> String {
    service
        .value(&format!(
            "SELECT coalesce(string_agg(outcome || coalesce(' ' || (details->>'reason'), ''), ',' ORDER BY id), '')
             FROM auth.audit_log WHERE action = '{action}'"
        ))
        .await
}
