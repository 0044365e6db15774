//! Authentication of incoming gRPC calls.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use rowhouse_tokens::{TokenError, Verifier};
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use crate::grpc::TENANT_ID_KEY;
use crate::{InvalidTenantId, TenantContext, TenantId};

/// Returns whether a call of this path, such as `/auth.v1.AuthService/Login`, can come without a token.
pub type IsPublic = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// The reason why a call was refused.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticateError {
    /// There is no `authorization: Bearer …`, or more than one.
    #[error("this call needs an access token: send it as `authorization: Bearer <token>`")]
    MissingToken,
    /// The token is not valid.
    #[error(transparent)]
    InvalidToken(#[from] TokenError),
    /// `x-tenant-id` and the token name different tenants.
    #[error("x-tenant-id is not the tenant of the access token: leave it out or send the token's own")]
    TenantMismatch {
        /// The tenant of the token.
        token: TenantId,
        /// The tenant in `x-tenant-id`.
        requested: TenantId,
    },
    /// `x-tenant-id` is not a UUID.
    #[error("x-tenant-id cannot be read: {0}")]
    InvalidTenantId(#[from] InvalidTenantId),
}

/// A layer that verifies the token of every call to a method that is not public, and puts the call's
/// [`TenantContext`] into the request's extensions. A service that uses it trusts no peer by its network address.
#[derive(Clone)]
pub struct AuthenticateLayer {
    shared: Arc<Shared>,
}

struct Shared {
    verifier: Arc<Verifier>,
    public: IsPublic,
    reject: fn(AuthenticateError) -> Status,
}

impl AuthenticateLayer {
    /// Creates the layer. `reject` converts a refusal into the status that the caller gets.
    #[must_use]
    pub fn new(verifier: Arc<Verifier>, public: IsPublic, reject: fn(AuthenticateError) -> Status) -> Self {
        Self { shared: Arc::new(Shared { verifier, public, reject }) }
    }
}

impl<S> Layer<S> for AuthenticateLayer {
    type Service = Authenticate<S>;

    fn layer(&self, inner: S) -> Authenticate<S> {
        Authenticate { inner, shared: Arc::clone(&self.shared) }
    }
}

/// The service that [`AuthenticateLayer`] returns.
#[derive(Clone)]
pub struct Authenticate<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S, B> Service<Request<B>> for Authenticate<S>
where
    S: Service<Request<B>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The instance that was polled ready is called; its clone replaces it for the next request.
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        if (self.shared.public)(request.uri().path()) {
            return Box::pin(inner.call(request));
        }
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            match authenticate(&shared.verifier, request.headers()).await {
                Ok(context) => {
                    request.extensions_mut().insert(context);
                    inner.call(request).await
                }
                Err(refusal) => Ok((shared.reject)(refusal).into_http()),
            }
        })
    }
}

async fn authenticate(verifier: &Verifier, headers: &HeaderMap) -> Result<TenantContext, AuthenticateError> {
    let authorization = headers.get_all(header::AUTHORIZATION).iter().map(HeaderValue::as_bytes);
    let bearer = bearer_token(authorization).ok_or(AuthenticateError::MissingToken)?;
    let context = TenantContext::from_verified(verifier.verify(bearer).await?);
    for value in headers.get_all(TENANT_ID_KEY) {
        let requested: TenantId = value.to_str().or(Err(InvalidTenantId))?.parse()?;
        if requested != context.tenant() {
            return Err(AuthenticateError::TenantMismatch { token: context.tenant(), requested });
        }
    }
    Ok(context)
}

/// Returns the bearer token of a call whose `authorization` has these values, if there is exactly one. The scheme's case does
/// not matter (RFC 9110 §11.1).
pub fn bearer_token<'a>(authorization: impl IntoIterator<Item = &'a [u8]>) -> Option<&'a str> {
    let mut values = authorization.into_iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let visible = |byte: &u8| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\t');
    let text = value.iter().all(visible).then(|| std::str::from_utf8(value).ok())??;
    let (scheme, token) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_matches(' '))
}

/// Returns the context of a call. `None` only in a public method.
#[must_use]
pub fn context<T>(request: &tonic::Request<T>) -> Option<&TenantContext> {
    request.extensions().get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bearer_token_or_none() {
        let bearer = |values: &[&'static str]| bearer_token(values.iter().map(|value| value.as_bytes()));
        assert_eq!(bearer(&["Bearer abc"]), Some("abc"));
        assert_eq!(bearer(&["bearer  abc"]), Some("abc"));
        for none in [&["Basic abc"][..], &["abc"], &["Bearer ä"], &["Bearer a\nb"], &[]] {
            assert_eq!(bearer(none), None, "{none:?}");
        }
        assert_eq!(bearer(&["Bearer abc", "Bearer def"]), None, "two tokens are an attack or a bug");
    }
}
