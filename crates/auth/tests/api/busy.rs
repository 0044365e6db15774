//! A refusal because too many passwords are being checked does not count as an attempt, and a stranger's is not written at all.

use std::time::Duration;

use rowhouse_chassis::error::{Code, Fault, fault};
use rowhouse_chassis::grpc::set_deadline;
use rowhouse_proto::ERROR_CODES;
use rowhouse_proto::auth::v1::{
    AcceptInvitationRequest, ChangePasswordRequest, LoginRequest, PrepareMemberRequest, Role,
};
use rowhouse_tenancy::grpc::carry_token;
use tonic::Request;

use crate::support::{PASSWORD, Running, Service, config};
use crate::team::{accept, member, token_to};

const ADA: &str = "ada@example.com";
/// A hash takes about four seconds, longer than the callers of this test wait, so each is refused at once.
const COST: u32 = 16;
const PATIENCE: Duration = Duration::from_millis(600);
/// The counted attempts.
const COUNTED: &str =
    "SELECT coalesce(string_agg(DISTINCT failures || ' ' || (blocked_until > now()), ','), '')
    FROM auth.attempts WHERE failures > 0";

fn hurried<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    set_deadline(&mut request, PATIENCE);
    request
}

/// Calls until the refusal comes from hashing: on a busy machine it may come from the database, and then it is
/// unknown what was counted.
async fn refused<T>(service: &Service, before: &str, call: impl AsyncFn() -> Result<T, tonic::Status>) {
    loop {
        service.sql(before).await;
        match call().await.map(drop).map_err(|status| fault(&status, ERROR_CODES)) {
            Err(Fault { code: Code::RESOURCE_EXHAUSTED, retry_after, .. }) => {
                break assert!(retry_after.is_some());
            }
            Err(Fault { code: Code::DEADLINE_EXCEEDED | Code::UNAVAILABLE, .. }) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_for_capacity_is_taken_back_and_clears_nothing() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    let ada = member(&service, acme, ADA, Role::Owner).await;
    let bob = member(&service, acme, "bob@example.com", Role::Owner).await;
    // All of them as strangers.
    service.sql("DELETE FROM auth.familiar_addresses").await;
    let globex = service.tenant("globex").await;
    let gus = member(&service, globex, "gus@example.com", Role::Owner).await;
    gus.invite(ADA, Role::Viewer).await.unwrap();
    service.mail_to(ADA, "Invitation").await;
    let invitation = token_to(&service, ADA).await;
    let mut dear = config(&service.database, &service.keys);
    dear.args.bcrypt_cost = COST;
    let dear = Running::start(dear).await;

    let login = async || {
        let (email, password) = (ADA.to_owned(), PASSWORD.to_owned());
        let message = LoginRequest { email, password, tenant: Some("acme".to_owned()), device_token: None };
        dear.client().login(hurried(message)).await
    };
    let change = async || {
        let (current_password, new_password) = (PASSWORD.to_owned(), "battery staple".to_owned());
        let mut request = hurried(ChangePasswordRequest { current: current_password, new: new_password });
        carry_token(request.metadata_mut(), acme, &ada.token);
        dear.client().change_password(request).await
    };
    let accepting = async || {
        let (token, password) = (invitation.clone(), Some(PASSWORD.to_owned()));
        let message = AcceptInvitationRequest { token, password, access_token: None };
        dear.invitations().accept_invitation(hurried(message)).await
    };
    let service_token = service.service_token(acme);
    let sign_up = async |email: &str| {
        let (email, password) = (email.to_owned(), Some(PASSWORD.to_owned()));
        let message = PrepareMemberRequest { email, password, role: Role::Owner.into(), access_token: None };
        let mut request = hurried(message);
        carry_token(request.metadata_mut(), acme, &service_token);
        dear.client().prepare_member(request).await
    };

    let nothing = "DELETE FROM auth.attempts; DELETE FROM auth.allowances";
    let written = "SELECT (SELECT count(*) FROM auth.attempts) + (SELECT count(*) FROM auth.allowances)";
    refused(&service, nothing, &login).await;
    assert_eq!(service.value(written).await, "0");
    refused(&service, nothing, &accepting).await;
    assert_eq!(service.value(written).await, "0");
    service.running.login(ADA, "not her password", Some("acme")).await.unwrap_err();
    // The next attempt would be the last free one, or the first one that causes a wait: the counts of others stay.
    for (failures, call) in [(5, "login"), (6, "login"), (5, "change"), (6, "change"), (6, "accept")] {
        let before = format!(
            "UPDATE auth.attempts SET failures = {failures}, last_at = now(), blocked_until = '-infinity'"
        );
        match call {
            "login" => refused(&service, &before, &login).await,
            "change" => refused(&service, &before, &change).await,
            _ => refused(&service, &before, &accepting).await,
        }
        let counted = service.value(COUNTED).await;
        assert_eq!(counted, format!("{failures} false"), "{call}");
    }
    for email in [ADA, "nobody@example.com"] {
        refused(&service, nothing, async || sign_up(email).await).await;
        assert_eq!(service.value(written).await, "0", "{email}");
    }
    // Without load the login succeeds.
    service.running.login(ADA, PASSWORD, Some("acme")).await.unwrap();
    accept(&service.running, &invitation, Some(PASSWORD), None).await.unwrap();
    bob.role().await.unwrap();
    dear.stop().await;
    service.running.stop().await;
}

/// A late refusal does not uncount attempts that were counted meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn one_attempt_is_taken_back_and_not_what_was_counted_since() {
    let service = Service::start().await;
    let as_auth = |statement: &str| format!("SET ROLE rowhouse_auth; {statement}; RESET ROLE");
    let count = "SELECT auth.count_attempt(ARRAY[sha256('a'), sha256('b')], ARRAY[2, 100])";
    let state =
        "SELECT string_agg(failures || ' ' || (blocked_until > now()), ',' ORDER BY key = sha256('a') DESC)
        FROM auth.attempts";
    let take_back = |before: &str| {
        let moment = format!("(SELECT max(last_at) - interval '{before}' FROM auth.attempts)");
        as_auth(&format!("SELECT auth.take_back(ARRAY[sha256('a'), sha256('b')], {moment})"))
    };
    service.sql(&as_auth(count)).await;
    service.sql(&as_auth(count)).await;
    assert_eq!(service.value(state).await, "2 true,2 false");
    service.sql(&take_back("0")).await;
    assert_eq!(service.value(state).await, "1 false,1 false", "its own wait ends");
    service.sql(&as_auth(count)).await;
    assert_eq!(service.value(state).await, "2 true,2 false");
    // It was counted before the attempt that caused a wait.
    service.sql(&take_back("1 minute")).await;
    assert_eq!(service.value(state).await, "1 true,1 false");
    for _ in 0..5 {
        service.sql(&take_back("0")).await;
    }
    assert_eq!(service.value(state).await, "0 false,0 false", "never less than nothing");
    // Counts that were cleared and begun again belong to other attempts.
    service.sql("DELETE FROM auth.attempts").await;
    service.sql(&take_back("0")).await;
    assert_eq!(service.value("SELECT count(*) FROM auth.attempts").await, "0");
    service.running.stop().await;
}
