//! The method that returns a tenant, during its set-up and later.

use rowhouse_chassis::access::Denied;
use rowhouse_proto::onboarding::v1::{GetTenantRequest, GetTenantResponse, permission};
use rowhouse_tenancy::grpc::{AuthenticateError, TENANT_ID_KEY};
use rowhouse_tenancy::{InvalidTenantId, SystemOrigin, TenantContext, TenantId};
use rowhouse_tokens::TokenError;
use tonic::Request;

use super::{Rpc, bearer, tenant};
use crate::domain::Onboarded;
use crate::error::Error;
use crate::store::tenants::find_onboarded;

/// Returns the tenant. It accepts an access token or a status token, so it verifies the token and limits the rate
/// itself.
pub(super) async fn get_tenant(
    rpc: &Rpc,
    request: &Request<GetTenantRequest>,
) -> Result<GetTenantResponse, Error> {
    let cx = context(rpc, request).await?;
    if let Some(refusal) = rpc.limiter.check(cx.tenant(), cx.principal()).refusal() {
        return Err(Error::RateLimited(Box::new(refusal.answer().await)));
    }
    let id: TenantId = request.get_ref().id.parse().or(Err(Error::TenantNotFound))?;
    if id != cx.tenant() {
        return Err(Error::TenantNotFound);
    }
    let Onboarded { tenant, progress } = rpc
        .db
        .read(&cx, "onboarding.get_tenant", async |tx| find_onboarded(tx).await?.ok_or(Error::TenantNotFound))
        .await?;
    Ok(GetTenantResponse { tenant: Some(tenant::to_proto(tenant, progress.as_ref())) })
}

async fn context<T>(rpc: &Rpc, request: &Request<T>) -> Result<TenantContext, Error> {
    let metadata = request.metadata();
    let token = bearer(metadata).ok_or(AuthenticateError::MissingToken)?;
    let cx = match rpc.verifier.verify(token).await {
        Ok(verified) => TenantContext::from_verified(verified),
        Err(TokenError::WrongType) => {
            let shown = rpc.verifier.verify_status(token).await.map_err(AuthenticateError::from)?;
            TenantContext::system(SystemOrigin::Onboarding, TenantId::from_uuid(shown))
        }
        Err(error) => return Err(AuthenticateError::from(error).into()),
    };
    for value in metadata.get_all(TENANT_ID_KEY) {
        let requested = value.to_str().or(Err(InvalidTenantId)).and_then(str::parse);
        let requested: TenantId = requested.map_err(AuthenticateError::from)?;
        if requested != cx.tenant() {
            return Err(AuthenticateError::TenantMismatch { token: cx.tenant(), requested }.into());
        }
    }
    match cx.principal() {
        Some(principal) if !principal.may(permission::TENANT_READ) => {
            Err(Denied::Permission(permission::TENANT_READ).into())
        }
        _ => Ok(cx),
    }
}
