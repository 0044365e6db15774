//! Limits on sign-ups.

use rowhouse_auth::SignUpArgs;
use rowhouse_chassis::client::FORWARDED_FOR;
use rowhouse_chassis::error::{Code, Fault, fault};
use rowhouse_proto::ERROR_CODES;
use rowhouse_proto::auth::v1::{LoginRequest, PrepareMemberRequest, Role};
use rowhouse_tenancy::TenantId;
use rowhouse_tenancy::grpc::carry_token;
use rowhouse_testkit::mail::emails_to;
use tonic::Request;

use crate::support::{PASSWORD, Service};
use crate::team::{accept, member};

const ADA: &str = "ada@example.com";

async fn world() -> Service {
    let sign_ups = SignUpArgs { sign_ups_per_network: 6, sign_ups_per_address: 3 };
    Service::start_with(|config| config.args.sign_ups = sign_ups).await
}

/// Signs up as onboarding does, for a client with this address.
async fn sign_up(service: &Service, email: &str, address: &str, token: Option<&str>) -> Result<(), Fault> {
    let tenant = TenantId::generate();
    let mut request = Request::new(PrepareMemberRequest {
        email: email.to_owned(),
        password: token.is_none().then(|| PASSWORD.to_owned()),
        role: Role::Owner.into(),
        access_token: token.map(str::to_owned),
    });
    carry_token(request.metadata_mut(), tenant, &service.service_token(tenant));
    request.metadata_mut().insert(FORWARDED_FOR, address.parse().unwrap());
    service
        .running
        .client()
        .prepare_member(request)
        .await
        .map(drop)
        .map_err(|status| fault(&status, ERROR_CODES))
}

fn assert_refused(answer: &Result<(), Fault>) {
    let Err(Fault { code: Code::TOO_MANY_ATTEMPTS, retry_after: Some(after), .. }) = answer else {
        panic!("{answer:?}");
    };
    assert!((60..=3600).contains(&after.as_secs()), "{after:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_signs_up_so_often() {
    let service = world().await;
    for n in 0..6 {
        sign_up(&service, &format!("a{n}@example.com"), &format!("2001:db8::{n}"), None).await.unwrap();
    }
    assert_refused(&sign_up(&service, "b@example.com", "2001:db8::ffff", None).await);
    let counted = "SELECT (SELECT count(*) FROM auth.attempts) || ' ' || count(*) || ' ' || max(full_at) FROM auth.allowances";
    let before = service.value(counted).await;
    assert_refused(&sign_up(&service, "c@example.com", "2001:db8::fffe", None).await);
    assert_eq!(service.value(counted).await, before);
    // The /48 around it has four times as many.
    for n in 6..24 {
        let address = format!("2001:db8:0:{:x}::1", n / 6);
        sign_up(&service, &format!("a{n}@example.com"), &address, None).await.unwrap();
    }
    assert_refused(&sign_up(&service, "d@example.com", "2001:db8:0:9::1", None).await);
    sign_up(&service, "e@example.com", "2001:db8:1::1", None).await.unwrap();
    sign_up(&service, "f@example.com", "203.0.113.1", None).await.unwrap();
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_signed_up_so_often_whether_it_is_somebodys_or_not() {
    let service = world().await;
    let acme = service.tenant("acme").await;
    service.member(acme, ADA).await;
    service.sql("DELETE FROM auth.allowances").await;
    let home = "203.0.113.1";
    let login = LoginRequest {
        email: ADA.to_owned(),
        password: PASSWORD.to_owned(),
        tenant: None,
        device_token: None,
    };
    let mut login = Request::new(login);
    login.metadata_mut().insert(FORWARDED_FOR, home.parse().unwrap());
    let token =
        service.running.client().login(login).await.unwrap().into_inner().tokens.unwrap().access_token;
    let mut answers = Vec::new();
    for email in [ADA, "nobody@example.com"] {
        for n in 0..3 {
            sign_up(&service, email, &format!("198.51.100.{n}"), None).await.unwrap();
        }
        let refused = sign_up(&service, email, "198.51.100.9", None).await;
        assert_refused(&refused);
        answers.push(refused.unwrap_err().detail);
    }
    assert_eq!(answers[0], answers[1]);
    // This does not delay the person in a familiar network or with a session.
    sign_up(&service, ADA, home, None).await.unwrap();
    sign_up(&service, ADA, "192.0.2.1", Some(&token)).await.unwrap();
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_an_invitation_is_pending_another_sign_up_sends_nothing() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    service.member(acme, ADA).await;
    service.sql("UPDATE auth.identities SET email_verified_at = now()").await;
    let invitations = async || {
        service.until("SELECT count(*) FROM jobs.jobs WHERE status <> 'succeeded'", "0").await;
        let messages = emails_to(&service.mail(), ADA);
        messages.into_iter().filter(|message| message.subject.contains("Invitation")).collect::<Vec<_>>()
    };
    for n in 0..3 {
        let tenant = service.tenant(&format!("other-{n}")).await;
        service.sign_up(tenant, ADA, Some("wrong horse"), None).await.unwrap();
    }
    let sent = invitations().await;
    assert_eq!(sent.len(), 1);
    accept(&service.running, &sent[0].token, None, None).await.unwrap();
    let next = service.tenant("next").await;
    service.sign_up(next, ADA, Some("wrong horse"), None).await.unwrap();
    assert_eq!(invitations().await.len(), 2, "none was pending");
    service.running.stop().await;
}

/// A stranger's sign-up adds no second email to a member's invitation, and removing sign-ups does not change that.
#[tokio::test(flavor = "multi_thread")]
async fn while_a_members_invitation_is_pending_a_sign_up_sends_nothing() {
    let service = Service::start().await;
    let (acme, globex) = (service.tenant("acme").await, service.tenant("globex").await);
    service.member(acme, ADA).await;
    service.sql("UPDATE auth.identities SET email_verified_at = now()").await;
    let gus = member(&service, globex, "gus@example.com", Role::Owner).await;
    let invitations = async || {
        service.until("SELECT count(*) FROM jobs.jobs WHERE status <> 'succeeded'", "0").await;
        let messages = emails_to(&service.mail(), ADA);
        messages.into_iter().filter(|message| message.subject.contains("Invitation")).collect::<Vec<_>>()
    };
    let invited = gus.invite(ADA, Role::Viewer).await.unwrap();
    for n in 0..2 {
        let tenant = service.tenant(&format!("other-{n}")).await;
        service.sign_up(tenant, ADA, Some("wrong horse"), None).await.unwrap();
        if n == 0 {
            gus.take_back(&invited.id).await.unwrap();
        }
    }
    assert_eq!(invitations().await.len(), 1, "the member's");
    gus.invite(ADA, Role::Viewer).await.unwrap();
    let sent = invitations().await;
    assert_eq!(sent.len(), 2);
    let mut accepted = 0;
    for message in &sent {
        accepted += usize::from(accept(&service.running, &message.token, None, None).await.is_ok());
    }
    assert_eq!(accepted, 1);
    let next = service.tenant("next").await;
    service.sign_up(next, ADA, Some("wrong horse"), None).await.unwrap();
    assert_eq!(invitations().await.len(), 3, "none was pending");
    service.running.stop().await;
}
