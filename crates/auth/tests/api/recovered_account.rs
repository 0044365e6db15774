//! An emailed link takes over an account whose address nobody had confirmed: nothing from before continues in the
//! person's name.

use rowhouse_chassis::error::Code;
use rowhouse_proto::auth::v1::error_code;
use rowhouse_proto::auth::v1::{RequestPasswordResetRequest, ResetPasswordRequest, Role};

use crate::leavers::{Program, details};
use crate::support::{PASSWORD, Service};
use crate::team::{accept, logged, login, member, token_to};

const ADA: &str = "ada@example.com";

/// Resets the password of an account that was in two tenants.
async fn reset(service: &Service) {
    let email = ADA.to_owned();
    service.running.client().request_password_reset(RequestPasswordResetRequest { email }).await.unwrap();
    let token = service.mail_to(ADA, "Set a new password").await.token;
    let password = PASSWORD.to_owned();
    service.running.client().reset_password(ResetPasswordRequest { token, password }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stranger_created_ends() {
    let service = Service::start().await;
    let (acme, globex) = (service.tenant("acme").await, service.tenant("globex").await);
    let gus = member(&service, globex, "gus@example.com", Role::Owner).await;
    let kept = Program::new(&service, globex, gus.make_key("his", &["members:read"]).await.unwrap());
    let mut made = Vec::new();
    for tenant in [acme, globex] {
        let stranger = member(&service, tenant, ADA, Role::Owner).await;
        let key = Program::new(&service, tenant, stranger.make_key("sync", &["members:read"]).await.unwrap());
        let (_, program) = key.exchange("").await.unwrap();
        stranger.invite("mallory@example.com", Role::Owner).await.unwrap();
        made.push((stranger, key, program));
    }
    service.mail_to("mallory@example.com", "Invitation").await;
    let link = token_to(&service, "mallory@example.com").await;
    reset(&service).await;
    for (stranger, key, program) in &made {
        assert_eq!(stranger.role().await.unwrap_err().code, Code::TOKEN_REVOKED);
        assert_eq!(program.members(0, "").await.unwrap_err().code, Code::TOKEN_REVOKED);
        assert_eq!(key.scopes().await.unwrap_err().code, error_code::INVALID_CLIENT);
        let ada = login(&service, key.tenant, ADA).await;
        assert_eq!(ada.invitations(0, "").await.unwrap().0, []);
        assert_eq!(details(&ada, "api_key.revoke").await[0]["reason"], "account_recovered");
        assert_eq!(details(&ada, "invitation.revoke").await[0]["email"], "mallory@example.com");
        let (keys, _) = ada.keys(100, "").await.unwrap();
        let key = keys.iter().find(|key| key.name == "sync").unwrap();
        assert_eq!(key.revoke_reason, "account_recovered");
    }
    let refused = accept(&service.running, &link, Some(PASSWORD), None).await.unwrap_err();
    assert_eq!(refused.code, error_code::ONE_TIME_TOKEN_INVALID);
    assert_eq!(logged(&service, "member.disable", "user_id").await, "", "nobody was disabled");
    assert_eq!(kept.scopes().await.unwrap(), "members:read");
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_person_created_stays() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    let ada = member(&service, acme, ADA, Role::Owner).await;
    let key = Program::new(&service, acme, ada.make_key("sync", &["members:read"]).await.unwrap());
    service.sql("UPDATE auth.identities SET email_verified_at = now()").await;
    reset(&service).await;
    assert_eq!(ada.role().await.unwrap_err().code, Code::TOKEN_REVOKED, "sessions end in any case");
    assert_eq!(key.scopes().await.unwrap(), "members:read");
    service.running.stop().await;
}
