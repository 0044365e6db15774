//! The service of logins and sessions.

mod change_password;
mod complete_mfa;
mod create_membership;
mod delete_membership;
mod first_member;
mod get_jwks;
mod get_me;
mod issue_token;
mod login;
mod logout;
mod mail_request;
mod prepare_member;
mod refresh_session;
mod reset_password;
mod send_welcome;
mod switch_tenant;
mod verify_email;

use rowhouse_chassis::grpc::{Reply, reply};
use rowhouse_proto::auth::v1::auth_service_server::AuthService;
use rowhouse_proto::auth::v1::{
    ChangePasswordRequest, ChangePasswordResponse, CompleteMfaRequest, CompleteMfaResponse,
    CreateMembershipRequest, CreateMembershipResponse, DeleteMembershipRequest, DeleteMembershipResponse,
    GetJwksRequest, GetJwksResponse, GetMeRequest, GetMeResponse, IssueTokenRequest, IssueTokenResponse,
    LoginRequest, LoginResponse, LogoutRequest, LogoutResponse, PrepareMemberRequest, PrepareMemberResponse,
    RefreshSessionRequest, RefreshSessionResponse, RequestPasswordResetRequest, RequestPasswordResetResponse,
    ResendEmailVerificationRequest, ResendEmailVerificationResponse, ResetPasswordRequest,
    ResetPasswordResponse, SendWelcomeRequest, SendWelcomeResponse, SwitchTenantRequest,
    SwitchTenantResponse, VerifyEmailRequest, VerifyEmailResponse,
};
use tonic::{Request, Response};

use super::Rpc;

#[tonic::async_trait]
impl AuthService for Rpc {
    async fn login(&self, request: Request<LoginRequest>) -> Reply<LoginResponse> {
        reply("auth.login", login::login(self, request).await)
    }

    async fn complete_mfa(&self, request: Request<CompleteMfaRequest>) -> Reply<CompleteMfaResponse> {
        reply("auth.complete_mfa", complete_mfa::complete_mfa(self, request).await)
    }

    async fn refresh_session(
        &self,
        request: Request<RefreshSessionRequest>,
    ) -> Reply<RefreshSessionResponse> {
        reply("auth.refresh_session", refresh_session::refresh_session(self, &request).await)
    }

    async fn switch_tenant(&self, request: Request<SwitchTenantRequest>) -> Reply<SwitchTenantResponse> {
        reply("auth.switch_tenant", switch_tenant::switch_tenant(self, &request).await)
    }

    async fn logout(&self, request: Request<LogoutRequest>) -> Reply<LogoutResponse> {
        reply("auth.logout", logout::logout(self, &request).await)
    }

    async fn issue_token(&self, request: Request<IssueTokenRequest>) -> Reply<IssueTokenResponse> {
        reply("auth.issue_token", issue_token::issue_token(self, &request).await)
    }

    async fn change_password(
        &self,
        request: Request<ChangePasswordRequest>,
    ) -> Reply<ChangePasswordResponse> {
        reply("auth.change_password", change_password::change_password(self, request).await)
    }

    async fn request_password_reset(
        &self,
        request: Request<RequestPasswordResetRequest>,
    ) -> Reply<RequestPasswordResetResponse> {
        let outcome = mail_request::request_password_reset(self, &request).await;
        reply("auth.request_password_reset", outcome)
    }

    async fn reset_password(&self, request: Request<ResetPasswordRequest>) -> Reply<ResetPasswordResponse> {
        reply("auth.reset_password", reset_password::reset_password(self, request).await)
    }

    async fn verify_email(&self, request: Request<VerifyEmailRequest>) -> Reply<VerifyEmailResponse> {
        reply("auth.verify_email", verify_email::verify_email(self, &request).await)
    }

    async fn resend_email_verification(
        &self,
        request: Request<ResendEmailVerificationRequest>,
    ) -> Reply<ResendEmailVerificationResponse> {
        let outcome = mail_request::resend_email_verification(self, &request).await;
        reply("auth.resend_email_verification", outcome)
    }

    async fn get_jwks(&self, _: Request<GetJwksRequest>) -> Reply<GetJwksResponse> {
        Ok(Response::new(get_jwks::get_jwks(self)))
    }

    async fn get_me(&self, request: Request<GetMeRequest>) -> Reply<GetMeResponse> {
        reply("auth.get_me", get_me::get_me(self, &request).await)
    }

    async fn prepare_member(&self, request: Request<PrepareMemberRequest>) -> Reply<PrepareMemberResponse> {
        reply("auth.prepare_member", prepare_member::prepare_member(self, request).await)
    }

    async fn create_membership(
        &self,
        request: Request<CreateMembershipRequest>,
    ) -> Reply<CreateMembershipResponse> {
        reply("auth.create_membership", create_membership::create_membership(self, request).await)
    }

    async fn delete_membership(
        &self,
        request: Request<DeleteMembershipRequest>,
    ) -> Reply<DeleteMembershipResponse> {
        reply("auth.delete_membership", delete_membership::delete_membership(self, &request).await)
    }

    async fn send_welcome(&self, request: Request<SendWelcomeRequest>) -> Reply<SendWelcomeResponse> {
        reply("auth.send_welcome", send_welcome::send_welcome(self, &request).await)
    }
}
