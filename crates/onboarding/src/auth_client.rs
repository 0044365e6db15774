//! [`AuthClient`], for calls to the auth service, which stores the owners.

use std::time::Duration;

use rowhouse_chassis::client::Client;
use rowhouse_chassis::error::{Code, Fault, FieldViolation, fault};
use rowhouse_chassis::grpc::{Deadline, TracedChannel, set_deadline};
use rowhouse_proto::ERROR_CODES;
use rowhouse_proto::auth::v1::auth_service_client::AuthServiceClient;
use rowhouse_proto::auth::v1::error_code;
use rowhouse_proto::auth::v1::{
    CreateMembershipRequest, DeleteMembershipRequest, PrepareMemberRequest, PrepareMemberResponse, Role,
    SendWelcomeRequest, User,
};
use rowhouse_tenancy::TenantId;
use rowhouse_tenancy::grpc::carry_token;
use rowhouse_tokens::{TokenError, TokenIssuer, VerifiedToken, issuer};
use tonic::Request;
use uuid::Uuid;

use crate::domain::Administrator;

/// Calls auth in the name of this service.
pub(crate) struct AuthClient {
    client: AuthServiceClient<TracedChannel>,
    issuer: TokenIssuer,
}

/// The time limit of a call without a waiting caller.
const LIMIT: Duration = Duration::from_secs(10);

/// Auth's result about a person who is to become an owner.
pub(crate) struct PreparedMember {
    /// The proof, which only auth can read.
    pub(crate) member_proof: Vec<u8>,
    /// The id of the person, existing or future.
    pub(crate) owner: Uuid,
}

/// The caller of an onboarding.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller {
    /// The origin of the request.
    pub(crate) client: Client,
    /// The caller's access token, if one was sent.
    pub(crate) token: Option<VerifiedToken>,
    /// The caller's deadline.
    pub(crate) deadline: Option<Deadline>,
}

/// The reason why auth did not do it, as far as its answer tells.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthError {
    #[error("auth refuses the caller's access token: {0}")]
    Caller(Code),
    #[error("auth finds the tenant set up, and the person no member of it")]
    NotAMember,
    #[error("auth refuses the address or the password")]
    Invalid(Vec<FieldViolation>),
    #[error("the person is a member of as many tenants as there may be")]
    TooManyTenants,
    #[error("auth finds no such tenant")]
    UnknownTenant,
    #[error("auth finds the tenant suspended")]
    TenantSuspended,
    #[error("auth has seen too many sign-ups")]
    TooMany { retry_after: Option<Duration> },
    #[error("auth is busy")]
    Busy { retry_after: Option<Duration> },
    #[error("auth cannot be reached")]
    Unavailable { retry_after: Option<Duration> },
    #[error("auth did not answer in time")]
    DeadlineExceeded,
    #[error("auth answered {0}, which is not meant for this service")]
    Unexpected(Code),
    #[error(transparent)]
    Token(#[from] TokenError),
}

impl AuthClient {
    pub(crate) fn new(channel: TracedChannel, issuer: TokenIssuer) -> Self {
        Self { client: AuthServiceClient::new(channel), issuer }
    }

    /// Prepares the first owner of a tenant that does not exist yet. Auth stores nothing.
    pub(crate) async fn prepare_owner(
        &self,
        tenant: TenantId,
        owner: &Administrator,
        caller: &Caller,
        time: Duration,
    ) -> Result<PreparedMember, AuthError> {
        let mut request = self.request(
            tenant,
            PrepareMemberRequest {
                email: owner.email.as_str().to_owned(),
                password: owner.password.as_ref().map(|password| password.expose().to_owned()),
                role: Role::Owner.into(),
                access_token: caller.token.as_ref().map(|token| token.raw().to_owned()),
            },
            time,
        )?;
        caller.client.carry(request.metadata_mut());
        let answer = self.client.clone().prepare_member(request).await;
        let PrepareMemberResponse { member_proof, user } =
            answer.map_err(|status| fault(&status, ERROR_CODES))?.into_inner();
        Ok(PreparedMember { member_proof, owner: id_of(user)? })
    }

    /// Makes the person of the proof the first owner of a tenant, or invites them, and returns the owner's id.
    /// Repeating the call has no effect.
    pub(crate) async fn create_owner(
        &self,
        tenant: TenantId,
        email: &str,
        member_proof: Vec<u8>,
    ) -> Result<Uuid, AuthError> {
        let message = CreateMembershipRequest { email: email.to_owned(), member_proof };
        let request = self.request(tenant, message, LIMIT)?;
        let answer = self.client.clone().create_membership(request).await;
        id_of(answer.map_err(|status| fault(&status, ERROR_CODES))?.into_inner().user)
    }

    /// Removes the owner or the invitation. Repeating the call has no effect.
    pub(crate) async fn delete_owner(&self, tenant: TenantId, email: &str) -> Result<(), AuthError> {
        let request = self.request(tenant, DeleteMembershipRequest { email: email.to_owned() }, LIMIT)?;
        let answer = self.client.clone().delete_membership(request).await;
        answer.map(drop).map_err(|status| fault(&status, ERROR_CODES).into())
    }

    /// Enqueues the owner's welcome email. Repeating the call has no effect.
    pub(crate) async fn send_welcome(&self, tenant: TenantId, email: &str) -> Result<(), AuthError> {
        let request = self.request(tenant, SendWelcomeRequest { email: email.to_owned() }, LIMIT)?;
        let answer = self.client.clone().send_welcome(request).await;
        answer.map(drop).map_err(|status| fault(&status, ERROR_CODES).into())
    }

    fn request<T>(&self, tenant: TenantId, message: T, time: Duration) -> Result<Request<T>, TokenError> {
        let mut request = Request::new(message);
        let token = self.issuer.service_token(issuer::AUTH, tenant.as_uuid())?;
        carry_token(request.metadata_mut(), tenant, &token);
        set_deadline(&mut request, time);
        Ok(request)
    }
}

/// Parses the id of an answer, which auth never leaves out.
fn id_of(user: Option<User>) -> Result<Uuid, AuthError> {
    let id = user.and_then(|user| Uuid::try_parse(&user.id).ok());
    id.ok_or(AuthError::Unexpected(Code::INTERNAL))
}

impl From<Fault> for AuthError {
    fn from(fault: Fault) -> Self {
        let Fault { code, violations, retry_after, .. } = fault;
        match code {
            // This service has just verified the caller's token. These codes are about facts that it could not know;
            // TOKEN_INVALID would be about its own token.
            error_code::EMAIL_MISMATCH | Code::TOKEN_REVOKED => Self::Caller(code),
            Code::INVALID_ARGUMENT => Self::Invalid(violations.into_iter().map(of_admin).collect()),
            Code::PERMISSION_DENIED => Self::NotAMember,
            Code::TENANT_UNKNOWN => Self::UnknownTenant,
            Code::TENANT_SUSPENDED => Self::TenantSuspended,
            Code::LIMIT_EXCEEDED => Self::TooManyTenants,
            Code::TOO_MANY_ATTEMPTS => Self::TooMany { retry_after },
            Code::RESOURCE_EXHAUSTED => Self::Busy { retry_after },
            Code::UNAVAILABLE | Code::OVERLOADED => Self::Unavailable { retry_after },
            Code::DEADLINE_EXCEEDED => Self::DeadlineExceeded,
            other => Self::Unexpected(other),
        }
    }
}

/// Renames a field of auth's request to the one of this service's request.
fn of_admin(FieldViolation { field, description }: FieldViolation) -> FieldViolation {
    FieldViolation { field: format!("admin.{field}"), description }
}
