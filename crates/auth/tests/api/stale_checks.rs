//! Checks that become stale before a session begins or a password is changed.
//!
//! Another transaction changes the person's row and has not committed yet; the call has read the row as it was, and
//! waits.

use diesel_async::SimpleAsyncConnection;
use rowhouse_chassis::error::Code;
use rowhouse_proto::auth::v1::error_code;
use rowhouse_proto::auth::v1::{ChangePasswordRequest, Role};
use rowhouse_tenancy::TenantId;
use rowhouse_tenancy::grpc::carry_token;
use tonic::Request;

use crate::mfa_support::{EMAIL, code, enrol, first_step, second_step};
use crate::support::{PASSWORD, Service, refused};

/// The password of another person's hash.
const OTHER: &str = "battery staple";
const LIVE: &str = "SELECT count(*) FROM auth.sessions WHERE ended_at IS NULL";
pub(crate) const WAITING: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND usename = 'rowhouse_auth' AND wait_event_type = 'Lock'";
/// `SET` clauses of the person's row: another password, and another hash of the same one.
const CHANGED: &str =
    "password_hash = (SELECT password_hash FROM auth.identities WHERE email = 'other@example.com')";
const REHASHED: &str =
    "password_hash = (SELECT password_hash FROM auth.identities WHERE email = 'same@example.com')";

async fn world() -> (Service, TenantId) {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    service.member(acme, EMAIL).await;
    service.member(acme, "same@example.com").await;
    service.create_membership(acme, "other@example.com", OTHER, Role::Member).await.unwrap();
    (service, acme)
}

/// Returns the result of a call that meets the change.
async fn beside<T>(service: &Service, change: &str, call: impl Future<Output = T>) -> T {
    let mut admin = service.database.admin().await;
    let change = format!("BEGIN; UPDATE auth.identities SET {change} WHERE email = '{EMAIL}'");
    admin.batch_execute(&change).await.unwrap();
    let committed = async {
        service.until(WAITING, "1").await;
        admin.batch_execute("COMMIT").await.unwrap();
    };
    tokio::join!(call, committed).0
}

#[tokio::test(flavor = "multi_thread")]
async fn no_session_begins_by_a_password_that_was_changed() {
    let (service, _) = world().await;
    let login = service.running.login(EMAIL, PASSWORD, None);
    assert_eq!(refused(beside(&service, CHANGED, login).await), error_code::INVALID_CREDENTIALS);
    assert_eq!(service.value(LIVE).await, "0");
    service.running.login(EMAIL, OTHER, None).await.unwrap();
    service.running.stop().await;
}

/// Another login has replaced an outdated hash.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_goes_on_with_another_hash_of_the_same_password() {
    let (service, acme) = world().await;
    let login = service.running.login(EMAIL, PASSWORD, None);
    let tokens = beside(&service, REHASHED, login).await.unwrap().tokens.unwrap();
    service.get_me(acme, &tokens.access_token).await.unwrap();
    assert_eq!(service.value(LIVE).await, "1");
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_session_begins_by_a_code_after_a_password_that_was_changed() {
    let (service, acme) = world().await;
    let ada = enrol(&service, acme, EMAIL).await;
    let before = service.value(LIVE).await;
    let token = first_step(&service, EMAIL).await;
    let code = code(&ada.secret, 0);
    let refused = beside(&service, CHANGED, second_step(&service, &token, &code)).await.unwrap_err();
    assert_eq!(refused.code, error_code::MFA_TOKEN_INVALID);
    assert_eq!(service.value(LIVE).await, before);
    service.running.stop().await;
}

/// The code was valid, and its factor is removed before the session begins.
#[tokio::test(flavor = "multi_thread")]
async fn no_session_begins_by_a_factor_that_was_removed() {
    let (service, acme) = world().await;
    let ada = enrol(&service, acme, EMAIL).await;
    let before = service.value(LIVE).await;
    let token = first_step(&service, EMAIL).await;
    let code = code(&ada.secret, 0);
    let removed = "updated_at = now(); DELETE FROM auth.totp; UPDATE auth.identities SET updated_at = now()";
    let refused = beside(&service, removed, second_step(&service, &token, &code)).await.unwrap_err();
    assert_eq!(refused.code, error_code::MFA_TOKEN_INVALID);
    assert_eq!(service.value(LIVE).await, before);
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_does_not_undo_another() {
    let (service, acme) = world().await;
    let ada = service.access_token(EMAIL, None).await;
    let message = ChangePasswordRequest { current: PASSWORD.to_owned(), new: "yet another horse".to_owned() };
    let mut request = Request::new(message);
    carry_token(request.metadata_mut(), acme, &ada);
    let mut client = service.running.client();
    let changed = beside(&service, CHANGED, client.change_password(request)).await;
    assert_eq!(refused(changed), Code::UNAVAILABLE);
    service.running.login(EMAIL, OTHER, None).await.unwrap();
    service.running.stop().await;
}
