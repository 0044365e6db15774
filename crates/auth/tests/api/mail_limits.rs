//! Limits on emails that strangers, members and recipients can cause.

use rowhouse_chassis::client::FORWARDED_FOR;
use rowhouse_chassis::config::DatabaseArgs;
use rowhouse_chassis::error::{Code, fault};
use rowhouse_proto::ERROR_CODES;
use rowhouse_proto::auth::v1::{
    ChangePasswordRequest, LoginRequest, RequestPasswordResetRequest, RequestPasswordResetResponse,
    ResendEmailVerificationRequest, ResendEmailVerificationResponse, Role,
};
use rowhouse_testkit::{Flight, Proxy, ServiceName, TestDatabase};
use tonic::Request;

use crate::support::{Keys, PASSWORD, Running, Service, config};
use crate::team::member;

const ADA: &str = "ada@example.com";
/// The counted emails.
const COUNTED: &str = "SELECT count(*) || ' ' || max(full_at) FROM auth.allowances";

fn from<T>(address: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    // The service trusts the proxies of its own machine, which the test acts as.
    request.metadata_mut().insert(FORWARDED_FOR, address.parse().unwrap());
    request
}

async fn forgot(service: &Service, email: &str, address: &str) {
    let request = from(address, RequestPasswordResetRequest { email: email.to_owned() });
    let answer = service.running.client().request_password_reset(request).await.unwrap();
    assert_eq!(answer.into_inner(), RequestPasswordResetResponse {});
}

async fn resend(service: &Service, email: &str, address: &str) {
    let request = from(address, ResendEmailVerificationRequest { email: email.to_owned() });
    let answer = service.running.client().resend_email_verification(request).await.unwrap();
    assert_eq!(answer.into_inner(), ResendEmailVerificationResponse {});
}

/// Any kind of email, from any network.
#[tokio::test(flavor = "multi_thread")]
async fn strangers_have_an_address_written_to_a_few_times() {
    let service = Service::start().await;
    let mut tenants = Vec::new();
    for n in 0..8 {
        tenants.push(service.tenant(&format!("tenant-{n}")).await);
    }
    let mut sent = 0;
    for (n, tenant) in tenants.into_iter().enumerate() {
        // The first sign-up creates the identity, which gets an email; then it is invited, once.
        service.sign_up(tenant, ADA, Some(&format!("wrong horse {n}")), None).await.unwrap();
        forgot(&service, ADA, &format!("198.51.{n}.1")).await;
        resend(&service, ADA, &format!("198.51.{n}.2")).await;
        service.until("SELECT count(*) FROM jobs.global_jobs", "0").await;
        let jobs = "SELECT count(*) FROM jobs.jobs WHERE status <> 'succeeded'";
        service.until(jobs, "0").await;
        sent = service.subjects_to(ADA).await.len();
    }
    assert_eq!(sent, 5, "{:?}", service.subjects_to(ADA).await);
    let invited = "SELECT count(*) FROM auth.invitations";
    assert_eq!(service.value(invited).await, "7", "what was asked for is there all the same");

    // A person gets emails that they request from a familiar network, and a member may invite them.
    service.sql("UPDATE auth.identities SET email_verified_at = now()").await;
    let acme = service.tenant("acme").await;
    let owner = member(&service, acme, "owner@example.com", Role::Owner).await;
    owner.invite(ADA, Role::Viewer).await.unwrap();
    service.until("SELECT count(*) FROM jobs.jobs WHERE status <> 'succeeded'", "0").await;
    assert_eq!(service.subjects_to(ADA).await.len(), 6);
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_request_writes_nothing() {
    let service = Service::start().await;
    for n in 0..6 {
        forgot(&service, "nobody@example.com", &format!("198.51.100.{n}")).await;
    }
    let before = service.value(COUNTED).await;
    for n in 0..50 {
        forgot(&service, "nobody@example.com", &format!("203.0.113.{n}")).await;
    }
    assert_eq!(service.value(COUNTED).await, before);
    assert_eq!(service.value("SELECT count(*) FROM jobs.global_jobs").await, "0");
    service.running.stop().await;
}

/// The answer to a suppressed email does not come sooner: the same statements are executed.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_request_does_the_same_work() {
    let (database, keys) = (TestDatabase::create().await, Keys::generate());
    let proxy = Proxy::start(&database.url(ServiceName::Auth)).await;
    let mut config = config(&database, &keys);
    config.database = DatabaseArgs { pool_size: 1, ..DatabaseArgs::new(proxy.url()) };
    let service = Service { running: Running::start(config).await, database, keys };
    let asked = |flight: &Flight| {
        flight.statements.iter().any(|sql| sql.contains("auth.spend") || sql.contains("jobs.enqueue_global"))
    };
    let mut work = Vec::new();
    for n in 0..8 {
        proxy.forget();
        forgot(&service, "nobody@example.com", &format!("198.51.100.{n}")).await;
        let flights: Vec<_> = proxy.flights().into_iter().filter(asked).collect();
        work.push(flights.into_iter().map(|flight| flight.statements).collect::<Vec<_>>());
    }
    assert!(work[0].len() >= 2, "{work:#?}");
    assert_eq!(work[4], work[7], "the fifth was admitted, the eighth was not");
    service.until("SELECT count(*) FROM jobs.global_jobs", "0").await;
    service.running.stop().await;
}

/// A new address for each request belongs to the same network.
#[tokio::test(flavor = "multi_thread")]
async fn a_network_has_so_many_addresses_written_to() {
    let service = Service::start().await;
    service
        .sql(
            "INSERT INTO auth.identities (id, email)
             SELECT gen_random_uuid(), 'person' || n || '@example.com' FROM generate_series(0, 79) n",
        )
        .await;
    for n in 0..80 {
        forgot(&service, &format!("person{n}@example.com"), &format!("2001:db8::{n:x}:1")).await;
    }
    service.until("SELECT count(*) FROM jobs.global_jobs", "0").await;
    assert_eq!(service.mail().emails().len(), 60);
    // Another network has its own allowance.
    forgot(&service, "person79@example.com", "2001:db8:0:1::1").await;
    service.mail_to("person79@example.com", "Set a new password").await;
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_and_a_tenant_invite_so_many() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    let ada = member(&service, acme, ADA, Role::Owner).await;
    let bob = member(&service, acme, "bob@example.com", Role::Owner).await;
    let eve = member(&service, acme, "eve@example.com", Role::Owner).await;
    let mut number = 0;
    let mut invite = async |caller: &crate::team::Caller<'_>| {
        number += 1;
        caller.invite(&format!("guest{number}@example.com"), Role::Viewer).await
    };
    for caller in [&ada, &bob] {
        for _ in 0..50 {
            invite(caller).await.unwrap();
        }
        let refused = invite(caller).await.unwrap_err();
        assert_eq!(refused.code, Code::TOO_MANY_ATTEMPTS);
        assert!(refused.retry_after.is_some_and(|after| after.as_secs() > 60), "{refused:?}");
    }
    let refused = invite(&eve).await.unwrap_err();
    assert_eq!(refused.code, Code::TOO_MANY_ATTEMPTS, "the tenant has had its hundred");
    assert_eq!(service.value("SELECT count(*) FROM auth.invitations").await, "100");
    let logged = "SELECT count(*) FROM auth.audit_log WHERE action = 'invitation.create'";
    assert_eq!(service.value(logged).await, "100");
    // Emails of one tenant do not use another tenant's allowance.
    let globex = service.tenant("globex").await;
    let gus = member(&service, globex, "gus@example.com", Role::Owner).await;
    gus.invite("guest1@example.com", Role::Viewer).await.unwrap();
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_suppress_no_notice_and_nothing_from_where_one_is_known() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    service.member(acme, ADA).await;
    let home = "203.0.113.7";
    let login = LoginRequest {
        email: ADA.to_owned(),
        password: PASSWORD.to_owned(),
        tenant: None,
        device_token: None,
    };
    let tokens = service.running.client().login(from(home, login)).await.unwrap().into_inner().tokens;
    for n in 0..20 {
        forgot(&service, ADA, &format!("198.51.100.{n}")).await;
    }
    service.until("SELECT count(*) FROM jobs.global_jobs", "0").await;
    let before = service.subjects_to(ADA).await;
    assert_eq!(before.len(), 5, "{before:?}");

    forgot(&service, ADA, home).await;
    service.until("SELECT count(*) FROM jobs.global_jobs", "0").await;
    assert_eq!(service.subjects_to(ADA).await.len(), 6, "strangers are not there");
    let mut change =
        Request::new(ChangePasswordRequest { current: PASSWORD.to_owned(), new: "another horse".to_owned() });
    rowhouse_tenancy::grpc::carry_token(change.metadata_mut(), acme, &tokens.unwrap().access_token);
    service.running.client().change_password(change).await.unwrap();
    service.mail_to(ADA, "Your password was changed").await;
    service.running.stop().await;
}

/// No account is changed without a notice.
#[tokio::test(flavor = "multi_thread")]
async fn without_its_notice_a_password_is_not_changed() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    service.member(acme, ADA).await;
    let change = async |old: String, new: String| {
        let token = service.running.login(ADA, &old, None).await.unwrap().tokens.unwrap().access_token;
        let mut change = Request::new(ChangePasswordRequest { current: old, new });
        rowhouse_tenancy::grpc::carry_token(change.metadata_mut(), acme, &token);
        service.running.client().change_password(change).await
    };
    let mut password = PASSWORD.to_owned();
    for n in 0..20 {
        let next = format!("another horse {n}");
        change(password, next.clone()).await.unwrap();
        password = next;
    }
    let refused =
        fault(&change(password.clone(), "the last horse".to_owned()).await.unwrap_err(), ERROR_CODES);
    assert_eq!(refused.code, Code::TOO_MANY_ATTEMPTS);
    assert!(refused.retry_after.is_some(), "{refused:?}");
    service.running.login(ADA, &password, None).await.unwrap();
    service.running.stop().await;
}

/// An administrator can cause endpoints to be disabled any number of times.
#[tokio::test(flavor = "multi_thread")]
async fn reports_of_disabled_endpoints_suppress_no_notice() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    let ada = member(&service, acme, ADA, Role::Owner).await;
    let report = "INSERT INTO jobs.jobs (tenant_id, id, queue, class, kind, payload, max_attempts)
        SELECT t.id, gen_random_uuid(), 'rowhouse_auth', 'delivery', 'webhook.report_disabled',
            jsonb_build_object('webhook_endpoint_id', gen_random_uuid(), 'reason', 'gone'), 20
        FROM tenancy.tenants t, generate_series(1, 25)";
    service.sql(report).await;
    service.until("SELECT count(*) FROM jobs.jobs WHERE status <> 'succeeded'", "0").await;
    let reports = service.subjects_to(ADA).await;
    let reports = reports.iter().filter(|subject| subject.contains("endpoint was disabled")).count();
    assert_eq!(reports, 20, "they are limited as well");
    let change = ChangePasswordRequest { current: PASSWORD.to_owned(), new: "another horse".to_owned() };
    service.running.client().change_password(ada.request(change)).await.unwrap();
    service.mail_to(ADA, "Your password was changed").await;
    service.running.stop().await;
}
