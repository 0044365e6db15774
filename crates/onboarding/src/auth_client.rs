//! The auth service, which keeps the owners.

use std::time::Duration;

use rowhouse_chassis::client::Client;
use rowhouse_chassis::error::{Code, Fault, FieldViolation, fault};
use rowhouse_chassis::grpc::{TracedChannel, set_deadline};
use rowhouse_proto::auth::v1::auth_service_client::AuthServiceClient;
use rowhouse_proto::auth::v1::{CreateMembershipRequest, CreateMembershipResponse, Role, User};
use rowhouse_tenancy::TenantId;
use rowhouse_tenancy::grpc::carry_token;
use rowhouse_tokens::{TokenError, TokenIssuer, VerifiedToken, issuer};
use tonic::Request;

use crate::domain::Administrator;

/// Calls auth in this service's own name.
pub(crate) struct AuthClient {
    client: AuthServiceClient<TracedChannel>,
    issuer: TokenIssuer,
}

/// On whose behalf a tenant is onboarded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller {
    /// Where the request came from.
    pub(crate) client: Client,
    /// The access token that they sent, if they did.
    pub(crate) token: Option<VerifiedToken>,
}

/// Why there is no owner, as far as auth's answer tells.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthError {
    #[error("auth refuses the caller's access token: {0}")]
    Caller(Code),
    #[error("auth finds the tenant set up, and the person no member of it")]
    NotAMember,
    #[error("auth refuses the address or the password")]
    Invalid(Vec<FieldViolation>),
    #[error("auth finds no such tenant")]
    UnknownTenant,
    #[error("auth finds the tenant suspended")]
    TenantSuspended,
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

    /// Makes a person the first owner of a tenant, or invites them. Repeating it has no further effect.
    pub(crate) async fn create_owner(
        &self,
        tenant: TenantId,
        owner: &Administrator,
        caller: &Caller,
        time: Duration,
    ) -> Result<User, AuthError> {
        let mut request = Request::new(CreateMembershipRequest {
            email: owner.email.as_str().to_owned(),
            password: owner.password.as_ref().map(|password| password.expose().to_owned()),
            role: Role::Owner.into(),
            access_token: caller.token.as_ref().map(|token| token.raw().to_owned()),
        });
        let token = self.issuer.service_token(issuer::AUTH, tenant.as_uuid())?;
        carry_token(request.metadata_mut(), tenant, &token);
        caller.client.carry(request.metadata_mut());
        set_deadline(&mut request, time);
        let answer = self.client.clone().create_membership(request).await;
        let CreateMembershipResponse { user, role: _ } =
            answer.map_err(|status| fault(&status))?.into_inner();
        // A message that the other side left out; it never does.
        user.ok_or(AuthError::Unexpected(Code::Internal))
    }
}

impl From<Fault> for AuthError {
    fn from(fault: Fault) -> Self {
        let Fault { code, violations, retry_after, .. } = fault;
        match code {
            // This service has verified the caller's token a moment ago. What it could not know is said here; TOKEN_INVALID
            // would be about its own.
            Code::EmailMismatch | Code::TokenRevoked => Self::Caller(code),
            Code::InvalidArgument => Self::Invalid(violations.into_iter().map(of_admin).collect()),
            Code::PermissionDenied => Self::NotAMember,
            Code::TenantUnknown => Self::UnknownTenant,
            Code::TenantSuspended => Self::TenantSuspended,
            Code::ResourceExhausted => Self::Busy { retry_after },
            Code::Unavailable => Self::Unavailable { retry_after },
            Code::DeadlineExceeded => Self::DeadlineExceeded,
            other => Self::Unexpected(other),
        }
    }
}

/// The field in auth's request, as it stands in this service's.
fn of_admin(FieldViolation { field, description }: FieldViolation) -> FieldViolation {
    FieldViolation { field: format!("admin.{field}"), description }
}
