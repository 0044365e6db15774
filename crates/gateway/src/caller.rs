//! Callers and their access tokens.

use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use rowhouse_chassis::error::Code;
use rowhouse_tenancy::grpc::{TENANT_ID_KEY, bearer_token};
use rowhouse_tenancy::{InvalidTenantId, TenantId};
use rowhouse_tokens::{Principal, TokenError, VerifiedToken, Verifier};
use tracing::{Span, field};

use crate::error::Problem;
use crate::limits::admit;
use crate::origin::Origin;

/// A caller whose access token was verified, with the one tenant that it names.
pub(crate) struct Caller {
    token: VerifiedToken,
    origin: Origin,
}

/// A caller at an address where an access token is optional. A token that was sent must be valid.
pub(crate) struct OptionalCaller(pub(crate) Option<Caller>);

impl Caller {
    pub(crate) fn tenant(&self) -> TenantId {
        TenantId::from_uuid(self.token.tenant_id())
    }

    /// Returns the token, which the service verifies again. A secret.
    pub(crate) fn token(&self) -> &str {
        self.token.raw()
    }

    pub(crate) fn principal(&self) -> &Principal {
        self.token.principal()
    }

    pub(crate) const fn origin(&self) -> &Origin {
        &self.origin
    }

    async fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let token = verifier(request)?.verify(bearer(request.headers())?).await?;
        let caller = Self { token, origin: Origin::of(request)? };
        Span::current().record("tenant_id", field::display(caller.tenant()));
        admit(request, caller.tenant(), Some(caller.principal())).await?;
        check_tenant(request.headers(), caller.tenant())?;
        Ok(caller)
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { Self::of(&request).await })
    }
}

/// Somebody who reads one tenant: a caller, or the holder of a status token of a tenant in set-up.
pub(crate) struct Viewer {
    tenant: TenantId,
    /// `None` with a status token.
    principal: Option<Principal>,
    token: String,
    origin: Origin,
}

impl Viewer {
    pub(crate) const fn tenant(&self) -> TenantId {
        self.tenant
    }

    pub(crate) const fn principal(&self) -> Option<&Principal> {
        self.principal.as_ref()
    }

    /// Returns the token. A secret.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    pub(crate) const fn origin(&self) -> &Origin {
        &self.origin
    }

    async fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let verifier = verifier(request)?;
        let token = bearer(request.headers())?;
        let (tenant, principal) = match verifier.verify(token).await {
            Ok(access) => (access.tenant_id(), Some(access.principal().clone())),
            Err(TokenError::WrongType) => (verifier.verify_status(token).await?, None),
            Err(error) => return Err(error.into()),
        };
        let tenant = TenantId::from_uuid(tenant);
        Span::current().record("tenant_id", field::display(tenant));
        admit(request, tenant, principal.as_ref()).await?;
        check_tenant(request.headers(), tenant)?;
        Ok(Self { tenant, principal, token: token.to_owned(), origin: Origin::of(request)? })
    }
}

impl FromRequest for Viewer {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { Self::of(&request).await })
    }
}

fn verifier(request: &HttpRequest) -> Result<&Verifier, Problem> {
    request.app_data::<web::Data<Verifier>>().map(web::Data::get_ref).ok_or_else(|| {
        tracing::error!("the application has no verifier");
        Problem::internal()
    })
}

impl FromRequest for OptionalCaller {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            if request.headers().contains_key(AUTHORIZATION) {
                Caller::of(&request).await.map(Some).map(Self)
            } else {
                Ok(Self(None))
            }
        })
    }
}

/// Returns the token if there is exactly one. The scheme's case does not matter (RFC 9110 §11.1).
fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let values = || headers.get_all(AUTHORIZATION).map(HeaderValue::as_bytes);
    if values().nth(1).is_some() {
        return Err(Problem::invalid("authorization", "send the header once"));
    }
    bearer_token(values()).ok_or_else(|| {
        let detail = "an access token is expected: send it as `Authorization: Bearer <token>`";
        Problem::new(Code::TOKEN_MISSING, detail)
    })
}

/// Checks `x-tenant-id`, which may repeat the token's tenant and never selects one.
fn check_tenant(headers: &HeaderMap, tenant: TenantId) -> Result<(), Problem> {
    for value in headers.get_all(HeaderName::from_static(TENANT_ID_KEY)) {
        let requested: Result<TenantId, _> = value.to_str().or(Err(InvalidTenantId)).and_then(str::parse);
        match requested {
            Ok(requested) if requested == tenant => {}
            Ok(requested) => {
                tracing::warn!(token = %tenant, %requested, "a caller of tenant {tenant} asked for tenant {requested}");
                return Err(Problem::new(
                    Code::TENANT_MISMATCH,
                    "x-tenant-id is not the tenant of the access token: leave it out or send the token's own",
                ));
            }
            Err(invalid) => return Err(Problem::invalid(TENANT_ID_KEY, &invalid.to_string())),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            headers.append(HeaderName::from_static(name), value);
        }
        headers
    }

    #[test]
    fn one_bearer_token() {
        let token = |values: &[&str]| {
            let found = bearer(&headers("authorization", values)).map(ToOwned::to_owned);
            found.map_err(|problem| problem.code())
        };
        assert_eq!(token(&["Bearer abc"]), Ok("abc".to_owned()));
        assert_eq!(token(&["bEARER  abc "]), Ok("abc".to_owned()));
        assert_eq!(token(&["Bearer "]), Ok(String::new()));
        for missing in [&[][..], &[""], &["abc"], &["Bearer"], &["Basic abc"], &["Bearer é"]] {
            assert_eq!(token(missing), Err(Code::TOKEN_MISSING), "{missing:?}");
        }
        assert_eq!(token(&["Bearer a", "Bearer b"]), Err(Code::INVALID_ARGUMENT));
    }

    #[test]
    fn the_header_agrees_or_is_refused() {
        let (own, other) = (TenantId::generate(), TenantId::generate());
        let check = |values: &[&str]| {
            check_tenant(&headers(TENANT_ID_KEY, values), own).map_err(|problem| problem.code())
        };
        let (own, other) = (own.to_string(), other.to_string());
        assert_eq!(check(&[]), Ok(()));
        assert_eq!(check(&[&own]), Ok(()));
        assert_eq!(check(&[&own.to_uppercase(), &own]), Ok(()));
        assert_eq!(check(&[&other]), Err(Code::TENANT_MISMATCH));
        assert_eq!(check(&[&own, &other]), Err(Code::TENANT_MISMATCH));
        for unreadable in ["", "acme", "é"] {
            assert_eq!(check(&[unreadable]), Err(Code::INVALID_ARGUMENT), "{unreadable:?}");
        }
    }
}
