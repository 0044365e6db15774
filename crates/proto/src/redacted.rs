//! `Debug` of the messages that carry a password or a token: it prints everything but those, so that
//! a message in a log line or a span gives nothing away.

use std::fmt;

use crate::auth::v1::{
    AcceptInvitationRequest, ChangePasswordRequest, CompleteMfaRequest, ConfirmTotpRequest,
    ConfirmTotpResponse, CreateApiKeyResponse, CreateMembershipRequest, CreateTotpResponse,
    DeleteTotpRequest, IssueTokenRequest, IssueTokenResponse, LoginRequest, LogoutRequest,
    PrepareMemberRequest, PrepareMemberResponse, RefreshSessionRequest, ResetPasswordRequest,
    SwitchTenantRequest, Tokens, VerifyEmailRequest,
};
use crate::onboarding::v1::{AdminCredentials, OnboardTenantResponse};
use crate::orders::v1::CreateWebhookEndpointResponse;

/// Prints itself and nothing of what it stands for.
struct Redacted;

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A message's `Debug`, field by field. A field that is in neither list is a compile error.
macro_rules! redacted {
    ($($message:ident { $($shown:ident),* } without { $($secret:ident),+ };)+) => {
        $(
            impl fmt::Debug for $message {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    let Self { $($shown,)* $($secret: _,)+ } = self;
                    f.debug_struct(stringify!($message))
                        $(.field(stringify!($shown), $shown))*
                        $(.field(stringify!($secret), &Redacted))+
                        .finish()
                }
            }
        )+
    };
}

redacted! {
    AcceptInvitationRequest {} without { token, password, access_token };
    AdminCredentials { email } without { password };
    ChangePasswordRequest {} without { current_password, new_password };
    CompleteMfaRequest {} without { mfa_token, code };
    ConfirmTotpRequest {} without { code };
    ConfirmTotpResponse {} without { recovery_codes };
    CreateApiKeyResponse { api_key } without { client_secret };
    CreateMembershipRequest { email } without { member_proof };
    CreateWebhookEndpointResponse { webhook_endpoint } without { secret };
    OnboardTenantResponse { tenant, admin } without { status_token };
    CreateTotpResponse {} without { totp_secret, otpauth_url };
    DeleteTotpRequest {} without { code };
    IssueTokenRequest { client_id, scope } without { client_secret };
    IssueTokenResponse { token_type, expires_in, scope } without { access_token };
    LoginRequest { email, tenant } without { password, device_token };
    LogoutRequest {} without { refresh_token };
    PrepareMemberRequest { email, role } without { password, access_token };
    PrepareMemberResponse { user } without { member_proof };
    RefreshSessionRequest {} without { refresh_token };
    ResetPasswordRequest {} without { token, password };
    SwitchTenantRequest { tenant } without { refresh_token };
    Tokens { token_type, expires_in } without { access_token, refresh_token, device_token };
    VerifyEmailRequest {} without { token };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::v1::{LoginResponse, Role};
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
        let secret = SECRET.to_owned();
        let login =
            LoginRequest { email: email.clone(), password: secret.clone(), tenant: None, device_token: None };
        assert_redacted(&login);
        assert!(format!("{login:?}").contains("ada@example.com"));
        assert_redacted(&LoginResponse {
            tokens: Some(Tokens {
                access_token: secret.clone(),
                token_type: "Bearer".to_owned(),
                expires_in: 600,
                refresh_token: secret.clone(),
                device_token: Some(secret.clone()),
            }),
        });
        assert_redacted(&PrepareMemberRequest {
            email: email.clone(),
            password: Some(secret.clone()),
            role: Role::Owner.into(),
            access_token: Some(secret.clone()),
        });
        assert_redacted(&OnboardTenantRequest {
            name: "Acme".to_owned(),
            slug: None,
            admin: Some(AdminCredentials { email, password: Some(secret.clone()) }),
            idempotency_key: None,
        });
        assert_redacted(&ConfirmTotpResponse { recovery_codes: vec![secret.clone()] });
        assert_redacted(&CreateApiKeyResponse { api_key: None, client_secret: secret });
    }

    /// A `tonic::Request` prints its message.
    #[test]
    fn a_request_prints_no_secret() {
        assert_redacted(&tonic::Request::new(LoginRequest {
            email: "ada@example.com".to_owned(),
            password: SECRET.to_owned(),
            tenant: None,
            device_token: None,
        }));
    }
}
