//! Readiness, reflection, authentication and the drain, over a real socket.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rowhouse_chassis::error::{Code, fault};
use rowhouse_chassis::grpc::{DRAIN_LIMIT, GrpcOptions};
use rowhouse_chassis::health::is_serving;
use rowhouse_tenancy::{TenantId, grpc as tenant_grpc};
use rowhouse_tokens::{Principal, Role};
use support::{Echo, OnDrop, call, options, rules, start, trusted_issuer};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::{Code as GrpcCode, Request, Response};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn readiness_shows_in_the_services_health_and_aliveness_in_the_servers() {
    let ready = Arc::new(AtomicBool::new(false));
    let answer = Arc::clone(&ready);
    let base = options().await;
    let options = GrpcOptions {
        tls: None,
        proxies: base.proxies,
        readiness: Some(move || {
            let answer = Arc::clone(&answer);
            async move { answer.load(Ordering::Relaxed) }
        }),
        verifier: base.verifier,
        access: Arc::default(),
        reflection: None,
        request_timeout: base.request_timeout,
        max_connection_age: base.max_connection_age,
        max_connections: base.max_connections,
        limiter: base.limiter,
        admission: base.admission,
        streamed: base.streamed,
        services: base.services,
    };
    let server = start(options, Echo::default());
    let request = HealthCheckRequest { service: "test.v1.EchoService".into() };
    let mut health = HealthClient::new(server.channel.clone());
    let mut watching = health.watch(request).await.unwrap().into_inner();
    assert_eq!(watching.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert!(is_serving(&server.channel, "").await);
    assert!(!is_serving(&server.channel, "test.v1.EchoService").await);
    assert!(!is_serving(&server.channel, "test.v1.Another").await);

    ready.store(true, Ordering::Relaxed);
    assert_eq!(watching.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    assert!(is_serving(&server.channel, "test.v1.EchoService").await);

    server.trigger.request();
    assert_eq!(watching.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert!(watching.message().await.unwrap().is_none(), "watching does not hold up the drain");
    server.served.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_drain_finishes_what_runs_and_takes_nothing_new() {
    let (entered, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (has_entered, may_leave) = (Arc::clone(&entered), Arc::clone(&release));
    let wait = move |_: Request<String>| {
        let (entered, release) = (Arc::clone(&has_entered), Arc::clone(&may_leave));
        async move {
            entered.notify_one();
            release.notified().await;
            Ok(Response::new("finished".to_owned()))
        }
    };
    let server = start(options().await, Echo::default().method("Wait", wait));
    let channel = server.channel.clone();
    let running = tokio::spawn(async move { call(&channel, "Wait", Request::new(String::new())).await });
    entered.notified().await;
    server.trigger.request();
    let closed = async {
        while TcpStream::connect(server.address).is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, closed).await.unwrap();
    assert!(!server.served.is_finished());
    release.notify_one();
    assert_eq!(running.await.unwrap().unwrap().into_inner(), "finished");
    server.served.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_drain_aborts_what_does_not_end() {
    let entered = Arc::new(Notify::new());
    let dropped = CancellationToken::new();
    let (has_entered, token) = (Arc::clone(&entered), dropped.clone());
    let hang = move |_: Request<String>| {
        let (held, entered) = (OnDrop(token.clone()), Arc::clone(&has_entered));
        async move {
            entered.notify_one();
            std::future::pending::<()>().await;
            drop(held);
            Ok(Response::new(String::new()))
        }
    };
    let mut options = options().await;
    options.request_timeout = Duration::from_hours(1);
    let server = start(options, Echo::default().method("Hang", hang));
    let channel = server.channel.clone();
    let running = tokio::spawn(async move { call(&channel, "Hang", Request::new(String::new())).await });
    entered.notified().await;
    let asked = Instant::now();
    server.trigger.request();
    let error = running.await.unwrap().unwrap_err();
    assert_eq!(fault(&error, Code::COMMON).code, Code::UNAVAILABLE);
    dropped.cancelled().await;
    server.served.await.unwrap().unwrap();
    let took = asked.elapsed();
    assert!(took >= DRAIN_LIMIT && took < DRAIN_LIMIT + Duration::from_secs(3), "{took:?}");
}

#[tokio::test]
async fn a_call_needs_a_token_and_its_own_tenant() {
    let (tokens, verifier) = trusted_issuer().await;
    let mut options = options().await;
    options.verifier = verifier;
    options.access = rules(&["Public"], &["Whose"]);
    let tenant_of = |request: Request<String>| async move {
        let tenant = tenant_grpc::context(&request).map(|context| context.tenant().to_string());
        Ok(Response::new(tenant.unwrap_or_else(|| "nobody".into())))
    };
    let echo = Echo::default().method("Whose", tenant_of).method("Public", tenant_of);
    let server = start(options, echo.method("Undeclared", tenant_of));

    assert_eq!(server.call("Public", "").await.unwrap().into_inner(), "nobody");
    let missing = server.call("Whose", "").await.unwrap_err();
    assert_eq!(
        (missing.code(), fault(&missing, Code::COMMON).code),
        (GrpcCode::Unauthenticated, Code::TOKEN_MISSING)
    );

    let tenant = TenantId::generate();
    let principal = Principal::User { id: Uuid::now_v7(), role: Role::Member };
    let minute = Duration::from_mins(1);
    let token = tokens.access_token(&principal, tenant.as_uuid(), Uuid::now_v7(), minute).unwrap().token;
    let ask = async |method: &str, tenant: TenantId, token: &str| {
        let mut request = Request::new(String::new());
        tenant_grpc::carry_token(request.metadata_mut(), tenant, token);
        call(&server.channel, method, request).await
    };
    assert_eq!(ask("Whose", tenant, &token).await.unwrap().into_inner(), tenant.to_string());
    // A method that is served but has no rule is refused as if it did not exist.
    for method in ["Undeclared", "Unknown"] {
        assert_eq!(server.call(method, "").await.unwrap_err().code(), GrpcCode::Unauthenticated);
        let refused = ask(method, tenant, &token).await.unwrap_err();
        assert_eq!(refused.code(), GrpcCode::Unimplemented, "{method}: {refused}");
    }
    let mismatch = ask("Whose", TenantId::generate(), &token).await.unwrap_err();
    assert_eq!(
        (mismatch.code(), fault(&mismatch, Code::COMMON).code),
        (GrpcCode::PermissionDenied, Code::TENANT_MISMATCH)
    );
    let invalid = ask("Whose", tenant, &token[1..]).await.unwrap_err();
    assert_eq!(fault(&invalid, Code::COMMON).code, Code::TOKEN_INVALID);
    assert!(!format!("{invalid:?}").contains(&token[1..]), "a token is never repeated");
}
