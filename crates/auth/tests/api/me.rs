//! Reading the caller.

use rowhouse_chassis::error::Code;
use rowhouse_proto::auth::v1::{GetMeRequest, Role};
use rowhouse_tokens::issuer;

use crate::support::{PASSWORD, Service, refused};

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_is_of_now_and_not_of_the_token() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    service.member(acme, "ada@example.com").await;
    let token = service.access_token("ada@example.com", None).await;

    let me = service.get_me(acme, &token).await.unwrap();
    assert_eq!(me.user.as_ref().unwrap().email, "ada@example.com");
    assert_eq!(me.role(), Role::Admin);
    let tenant = me.tenant.as_ref().unwrap();
    assert_eq!((&tenant.id, tenant.slug.as_str()), (&acme.to_string(), "acme"));

    service.sql("UPDATE auth.memberships SET role = 'viewer'").await;
    assert_eq!(service.get_me(acme, &token).await.unwrap().role(), Role::Viewer);

    service.sql("UPDATE tenancy.tenants SET status = 'suspended'").await;
    assert_eq!(refused(service.get_me(acme, &token).await), Code::TENANT_SUSPENDED);

    service.sql("UPDATE tenancy.tenants SET status = 'active'; DELETE FROM auth.memberships").await;
    assert_eq!(refused(service.get_me(acme, &token).await), Code::PERMISSION_DENIED);

    let gone = "DELETE FROM auth.sessions; DELETE FROM auth.audit_log; DELETE FROM tenancy.tenants";
    service.sql(gone).await;
    assert_eq!(refused(service.get_me(acme, &token).await), Code::TENANT_UNKNOWN);
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_a_persons_tokens_shows_its_own_tenant() {
    let service = Service::start().await;
    let (acme, globex) = (service.tenant("acme").await, service.tenant("globex").await);
    service.member(acme, "ada@example.com").await;
    service.create_membership(globex, "ada@example.com", PASSWORD, Role::Viewer).await.unwrap();
    for (tenant, slug, role) in [(acme, "acme", Role::Admin), (globex, "globex", Role::Viewer)] {
        let token = service.access_token("ada@example.com", Some(slug)).await;
        let me = service.get_me(tenant, &token).await.unwrap();
        assert_eq!((me.tenant.as_ref().unwrap().slug.as_str(), me.role()), (slug, role));
        let other = if tenant == acme { globex } else { acme };
        assert_eq!(refused(service.get_me(other, &token).await), Code::TENANT_MISMATCH);
    }
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_persons_token_is_accepted() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    let anonymous = service.running.client().get_me(GetMeRequest {}).await;
    assert_eq!(refused(anonymous), Code::TOKEN_MISSING);
    assert_eq!(refused(service.get_me(acme, "not.a.token").await), Code::TOKEN_INVALID);
    let token = service.keys.onboarding.service_token(issuer::AUTH, acme.as_uuid()).unwrap();
    assert_eq!(refused(service.get_me(acme, &token).await), Code::PERMISSION_DENIED);
    service.running.stop().await;
}
