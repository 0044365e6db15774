//! Requests.

use rowhouse_proto::onboarding::v1::{AdminCredentials, OnboardTenantRequest};
use tonic::Request;
use tonic::metadata::MetadataValue;

use super::PASSWORD;

/// Returns a request with a token.
pub(crate) fn with_token<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let value = MetadataValue::try_from(format!("Bearer {token}")).unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

/// Returns a request without a slug or a key, with the usual password.
pub(crate) fn request(name: &str, email: &str) -> OnboardTenantRequest {
    OnboardTenantRequest {
        name: name.to_owned(),
        slug: None,
        admin: Some(AdminCredentials { email: email.to_owned(), password: Some(PASSWORD.to_owned()) }),
        idempotency_key: None,
    }
}

pub(crate) trait With: Sized {
    fn slug(self, slug: &str) -> Self;
    fn key(self, key: &str) -> Self;
    fn password(self, password: &str) -> Self;
    fn without_password(self) -> Self;
}

impl With for OnboardTenantRequest {
    fn slug(self, slug: &str) -> Self {
        Self { slug: Some(slug.to_owned()), ..self }
    }

    fn key(self, key: &str) -> Self {
        Self { idempotency_key: Some(key.to_owned()), ..self }
    }

    fn password(mut self, password: &str) -> Self {
        self.admin.as_mut().unwrap().password = Some(password.to_owned());
        self
    }

    fn without_password(mut self) -> Self {
        self.admin.as_mut().unwrap().password = None;
        self
    }
}
