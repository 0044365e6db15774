//! Rate limits per tenant, person and API key, and their headers.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, web};
use rowhouse_chassis::rate_limit::{Decision, RATE_LIMIT, RATE_LIMIT_POLICY, RateLimiter};
use rowhouse_tenancy::TenantId;
use rowhouse_tokens::Principal;

use crate::error::Problem;

/// Counts a request after its token was verified, and notes its tenant for what else is counted. An excess request costs no call of a
/// service, and is refused after a pause.
pub(crate) async fn admit(
    request: &HttpRequest,
    tenant: TenantId,
    principal: Option<&Principal>,
) -> Result<(), Problem> {
    let Some(limiter) = request.app_data::<web::Data<RateLimiter>>() else {
        tracing::error!("the application has no rate limiter");
        return Err(Problem::internal());
    };
    let decision = limiter.check(tenant, principal);
    let refusal = decision.refusal();
    request.extensions_mut().insert(decision);
    request.extensions_mut().insert(tenant);
    match refusal {
        None => Ok(()),
        Some(refusal) => Err(refusal.answer().await.into()),
    }
}

/// Adds the rate-limit headers to answers.
pub(crate) async fn tell_limits(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, Error> {
    let mut response = next.call(request).await?;
    let request = response.request().clone();
    write_limits(&request, response.headers_mut());
    Ok(response)
}

/// Adds the rate-limit headers to the answer to a request, if its caller was counted.
pub(crate) fn write_limits(request: &HttpRequest, headers: &mut HeaderMap) {
    let Some(decision) = request.extensions_mut().remove::<Decision>() else { return };
    for (name, value) in
        [(RATE_LIMIT_POLICY, decision.policy_header()), (RATE_LIMIT, decision.limit_header())]
    {
        if let Some(Ok(value)) = value.map(HeaderValue::try_from) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}
