//! `Debug` of the messages that carry a password or a token: it prints everything but those, so that
//! a message in a log line or a span gives nothing away.

use std::fmt;

use crate::auth::v1::{CreateMembershipRequest, LoginRequest, LoginResponse};
use crate::onboarding::v1::AdminCredentials;

/// Prints itself and nothing of what it stands for.
struct Redacted;

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl fmt::Debug for LoginRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { email, password: _, tenant } = self;
        f.debug_struct("LoginRequest")
            .field("email", email)
            .field("password", &Redacted)
            .field("tenant", tenant)
            .finish()
    }
}

impl fmt::Debug for LoginResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { access_token: _, token_type, expires_in } = self;
        f.debug_struct("LoginResponse")
            .field("access_token", &Redacted)
            .field("token_type", token_type)
            .field("expires_in", expires_in)
            .finish()
    }
}

impl fmt::Debug for CreateMembershipRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { email, password: _, role: _ } = self;
        f.debug_struct("CreateMembershipRequest")
            .field("email", email)
            .field("password", &Redacted)
            .field("role", &self.role())
            .finish()
    }
}

impl fmt::Debug for AdminCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { email, password: _ } = self;
        f.debug_struct("AdminCredentials").field("email", email).field("password", &Redacted).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::v1::Role;
    use crate::onboarding::v1::OnboardTenantRequest;

    const SECRET: &str = "correct horse";

    fn assert_redacted(message: &dyn fmt::Debug) {
        for printed in [format!("{message:?}"), format!("{message:#?}")] {
            assert!(!printed.contains(SECRET), "{printed}");
            assert!(printed.contains("[redacted]"), "{printed}");
        }
    }

    #[test]
    fn debug_prints_no_secret() {
        let email = "ada@example.com".to_owned();
        let password = SECRET.to_owned();
        let login = LoginRequest { email: email.clone(), password: password.clone(), tenant: None };
        assert_redacted(&login);
        assert!(format!("{login:?}").contains("ada@example.com"));
        assert_redacted(&LoginResponse {
            access_token: password.clone(),
            token_type: "Bearer".to_owned(),
            expires_in: 600,
        });
        assert_redacted(&CreateMembershipRequest {
            email: email.clone(),
            password: password.clone(),
            role: Role::Admin.into(),
        });
        assert_redacted(&OnboardTenantRequest {
            name: "Acme".to_owned(),
            slug: None,
            admin: Some(AdminCredentials { email, password }),
            idempotency_key: None,
        });
    }

    /// A `tonic::Request` prints its message.
    #[test]
    fn a_request_prints_no_secret() {
        assert_redacted(&tonic::Request::new(LoginRequest {
            email: "ada@example.com".to_owned(),
            password: SECRET.to_owned(),
            tenant: None,
        }));
    }
}
