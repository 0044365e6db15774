//! People in tenants, and their calls.

use rowhouse_chassis::error::{Fault, fault};
use rowhouse_proto::ERROR_CODES;
use rowhouse_proto::auth::v1::{
    AcceptInvitationRequest, AcceptInvitationResponse, ApiKey, CreateApiKeyRequest, CreateApiKeyResponse,
    CreateInvitationRequest, DeleteApiKeyRequest, DeleteInvitationRequest, DeleteMemberRequest,
    DeleteOtherSessionsRequest, DeleteSessionRequest, Invitation, IssueTokenRequest, IssueTokenResponse,
    ListApiKeysRequest, ListAuditLogEntriesRequest, ListAuditLogEntriesResponse, ListInvitationsRequest,
    ListMembersRequest, ListSessionsRequest, Member, RefreshSessionRequest, ResendInvitationRequest,
    Revocations, Role, Session, Tokens, UpdateMemberRequest, UpdateMemberResponse,
};
use rowhouse_tenancy::TenantId;
use rowhouse_tenancy::grpc::carry_token;
use rowhouse_testkit::mail::emails_to;
use tonic::{Request, Response, Status};

use crate::support::{PASSWORD, Running, Service};

/// An answer, or the error.
pub(crate) type Answer<T> = Result<T, Fault>;

fn answer<T>(answer: Result<Response<T>, Status>) -> Answer<T> {
    answer.map(Response::into_inner).map_err(|status| fault(&status, ERROR_CODES))
}

/// A caller with an access token.
#[derive(Clone)]
pub(crate) struct Caller<'a> {
    pub(crate) running: &'a Running,
    pub(crate) tenant: TenantId,
    pub(crate) token: String,
    /// The refresh token; empty for a program.
    pub(crate) refresh_token: String,
}

/// Creates a member and logs them in.
pub(crate) async fn member<'a>(
    service: &'a Service,
    tenant: TenantId,
    email: &str,
    role: Role,
) -> Caller<'a> {
    service.create_membership(tenant, email, PASSWORD, role).await.unwrap();
    login(service, tenant, email).await
}

/// Logs a member in.
pub(crate) async fn login<'a>(service: &'a Service, tenant: TenantId, email: &str) -> Caller<'a> {
    let tenant_id = tenant.to_string();
    let tokens = service.running.login(email, PASSWORD, Some(&tenant_id)).await.unwrap().tokens.unwrap();
    let Tokens { access_token: token, refresh_token, .. } = tokens;
    Caller { running: &service.running, tenant, token, refresh_token }
}

pub(crate) async fn refresh(running: &Running, refresh_token: &str) -> Answer<Tokens> {
    let request = RefreshSessionRequest { refresh_token: refresh_token.to_owned() };
    answer(running.client().refresh_session(request).await).map(|answer| answer.tokens.unwrap())
}

pub(crate) async fn accept(
    running: &Running,
    token: &str,
    password: Option<&str>,
    access_token: Option<&str>,
) -> Answer<AcceptInvitationResponse> {
    let (password, access_token) = (password.map(str::to_owned), access_token.map(str::to_owned));
    let request = AcceptInvitationRequest { token: token.to_owned(), password, access_token };
    answer(running.invitations().accept_invitation(request).await)
}

pub(crate) async fn exchange(
    running: &Running,
    client_id: &str,
    client_secret: &str,
    scope: &str,
) -> Answer<IssueTokenResponse> {
    let (client_id, client_secret) = (client_id.to_owned(), client_secret.to_owned());
    let request = IssueTokenRequest { client_id, client_secret, scope: scope.to_owned() };
    answer(running.client().issue_token(request).await)
}

impl<'a> Caller<'a> {
    /// Returns a caller with the access token of an API key.
    pub(crate) fn program(running: &'a Running, tenant: TenantId, token: String) -> Self {
        Self { running, tenant, token, refresh_token: String::new() }
    }

    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        carry_token(request.metadata_mut(), self.tenant, &self.token);
        request
    }

    /// Returns the caller's role, if the access token is valid.
    pub(crate) async fn role(&self) -> Answer<Role> {
        let request = self.request(rowhouse_proto::auth::v1::GetMeRequest {});
        answer(self.running.client().get_me(request).await).map(|me| me.role())
    }

    pub(crate) async fn members(&self, page_size: i32, page_token: &str) -> Answer<(Vec<Member>, String)> {
        let request = self.request(ListMembersRequest { page_size, page_token: page_token.to_owned() });
        answer(self.running.members().list_members(request).await)
            .map(|page| (page.members, page.next_page_token))
    }

    /// Returns a member's id.
    pub(crate) async fn id_of(&self, email: &str) -> String {
        let (members, _) = self.members(100, "").await.unwrap();
        members.into_iter().find(|member| member.email == email).unwrap().id
    }

    pub(crate) async fn set_role(&self, id: &str, role: Role) -> Answer<Member> {
        self.change_role(id, role).await.map(|answer| answer.member.unwrap())
    }

    pub(crate) async fn change_role(&self, id: &str, role: Role) -> Answer<UpdateMemberResponse> {
        let request = self.request(UpdateMemberRequest { id: id.to_owned(), role: role.into() });
        answer(self.running.members().update_member(request).await)
    }

    pub(crate) async fn remove(&self, id: &str) -> Answer<Revocations> {
        let request = self.request(DeleteMemberRequest { id: id.to_owned() });
        answer(self.running.members().delete_member(request).await).map(|answer| answer.revocations.unwrap())
    }

    /// Ends the caller's other sessions, and returns their number.
    pub(crate) async fn end_other_sessions(&self) -> Answer<i32> {
        let request = self.request(DeleteOtherSessionsRequest {});
        answer(self.running.sessions().delete_other_sessions(request).await).map(|answer| answer.ended)
    }

    pub(crate) async fn invite(&self, email: &str, role: Role) -> Answer<Invitation> {
        let request = self.request(CreateInvitationRequest {
            email: email.to_owned(),
            role: role.into(),
            idempotency_key: None,
        });
        answer(self.running.invitations().create_invitation(request).await)
            .map(|answer| answer.invitation.unwrap())
    }

    pub(crate) async fn resend(&self, id: &str) -> Answer<Invitation> {
        let request = self.request(ResendInvitationRequest { id: id.to_owned() });
        answer(self.running.invitations().resend_invitation(request).await)
            .map(|answer| answer.invitation.unwrap())
    }

    pub(crate) async fn invitations(
        &self,
        page_size: i32,
        page_token: &str,
    ) -> Answer<(Vec<Invitation>, String)> {
        let request = self.request(ListInvitationsRequest { page_size, page_token: page_token.to_owned() });
        answer(self.running.invitations().list_invitations(request).await)
            .map(|page| (page.invitations, page.next_page_token))
    }

    pub(crate) async fn take_back(&self, id: &str) -> Answer<()> {
        let request = self.request(DeleteInvitationRequest { id: id.to_owned() });
        answer(self.running.invitations().delete_invitation(request).await).map(drop)
    }

    pub(crate) async fn make_key(&self, name: &str, scopes: &[&str]) -> Answer<CreateApiKeyResponse> {
        let scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
        self.make_key_with(CreateApiKeyRequest {
            name: name.to_owned(),
            scopes,
            expires_at: None,
            idempotency_key: None,
        })
        .await
    }

    pub(crate) async fn make_key_with(&self, message: CreateApiKeyRequest) -> Answer<CreateApiKeyResponse> {
        answer(self.running.api_keys().create_api_key(self.request(message)).await)
    }

    pub(crate) async fn keys(&self, page_size: i32, page_token: &str) -> Answer<(Vec<ApiKey>, String)> {
        let request = self.request(ListApiKeysRequest { page_size, page_token: page_token.to_owned() });
        answer(self.running.api_keys().list_api_keys(request).await)
            .map(|page| (page.api_keys, page.next_page_token))
    }

    pub(crate) async fn delete_key(&self, id: &str) -> Answer<()> {
        let request = self.request(DeleteApiKeyRequest { id: id.to_owned() });
        answer(self.running.api_keys().delete_api_key(request).await).map(drop)
    }

    /// Returns a user's sessions; with an empty id, the caller's own.
    pub(crate) async fn sessions(
        &self,
        user_id: &str,
        page_size: i32,
        page_token: &str,
    ) -> Answer<(Vec<Session>, String)> {
        let (user_id, page_token) = (user_id.to_owned(), page_token.to_owned());
        let request = self.request(ListSessionsRequest { page_size, page_token, user_id });
        answer(self.running.sessions().list_sessions(request).await)
            .map(|page| (page.sessions, page.next_page_token))
    }

    /// Returns the id of the access token's session.
    pub(crate) async fn session(&self) -> String {
        let (sessions, _) = self.sessions("", 100, "").await.unwrap();
        sessions.into_iter().find(|session| session.current).unwrap().id
    }

    pub(crate) async fn end_session(&self, id: &str) -> Answer<()> {
        let request = self.request(DeleteSessionRequest { id: id.to_owned() });
        answer(self.running.sessions().delete_session(request).await).map(drop)
    }

    pub(crate) async fn audit_log(
        &self,
        action: &str,
        page_size: i32,
        page_token: &str,
    ) -> Answer<ListAuditLogEntriesResponse> {
        let (action, page_token) = (action.to_owned(), page_token.to_owned());
        let request = self.request(ListAuditLogEntriesRequest { page_size, page_token, action });
        answer(self.running.audit_log().list_audit_log_entries(request).await)
    }
}

/// Returns all tenants' log entries of an action, the oldest first: the outcome and one of the details.
pub(crate) async fn logged(service: &Service, action: &str, detail: &str) -> String {
    let rows = format!(
        "SELECT string_agg(outcome || ' ' || coalesce(details->>'{detail}', '-'), ',' ORDER BY occurred_at, id)
         FROM auth.audit_log WHERE action = '{action}'"
    );
    service.value(&format!("coalesce(({rows}), '')")).await
}

/// Returns the token of the last email to an address, after all emails were sent.
pub(crate) async fn token_to(service: &Service, address: &str) -> String {
    service.until_sent().await;
    emails_to(&service.mail(), address).pop().unwrap().token
}
