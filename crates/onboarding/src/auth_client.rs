//! The auth service, which keeps the administrators.

use std::time::Duration;

use rowhouse_chassis::error::{Code, Fault, FieldViolation, fault};
use rowhouse_chassis::grpc::{TracedChannel, set_deadline};
use rowhouse_proto::auth::v1::auth_service_client::AuthServiceClient;
use rowhouse_proto::auth::v1::{CreateMembershipRequest, CreateMembershipResponse, Role, User};
use rowhouse_tenancy::TenantId;
use rowhouse_tenancy::grpc::carry_token;
use rowhouse_tokens::{TokenError, TokenIssuer, issuer};
use tonic::Request;

use crate::domain::Administrator;

/// Calls auth in this service's own name.
pub(crate) struct AuthClient {
    client: AuthServiceClient<TracedChannel>,
    issuer: TokenIssuer,
}

/// Why there is no administrator, as far as auth's answer tells.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthError {
    #[error("the address has an identity with another password")]
    InvalidCredentials,
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

    /// Makes a person the administrator of a tenant. Repeating it has no further effect.
    pub(crate) async fn create_admin(
        &self,
        tenant: TenantId,
        admin: &Administrator,
        time: Duration,
    ) -> Result<User, AuthError> {
        let mut request = Request::new(CreateMembershipRequest {
            email: admin.email.as_str().to_owned(),
            password: admin.password.expose().to_owned(),
            role: Role::Admin.into(),
        });
        let token = self.issuer.service_token(issuer::AUTH, tenant.as_uuid())?;
        carry_token(request.metadata_mut(), tenant, &token);
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
            Code::InvalidCredentials => Self::InvalidCredentials,
            Code::InvalidArgument => Self::Invalid(violations.into_iter().map(of_admin).collect()),
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
