//! A service in its frame, on a database.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::time::Duration;

use clap::Args;
use rowhouse_catalog::ServiceName;
use rowhouse_chassis::config::{DatabaseArgs, Environment, GrpcArgs, TelemetryArgs, TrustArgs};
use rowhouse_chassis::program::{BoxError, StartError};
use rowhouse_chassis::service::{App, Config, Core, Parts, RunError, Service};
use rowhouse_chassis::shutdown::Shutdown;
use rowhouse_testkit::TestDatabase;
use rowhouse_tokens::{SigningKey, TokenIssuer, issuer};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(30);

/// A service under the name of another one.
#[derive(Clone, Debug)]
struct Example;

#[derive(Args, Clone, Debug)]
struct ExampleArgs {
    #[arg(skip)]
    lacks_something: bool,
    #[arg(skip)]
    panics: bool,
}

impl Service for Example {
    const NAME: ServiceName = ServiceName::Orders;
    const DESCRIPTORS: &'static [u8] = &[];
    type Args = ExampleArgs;

    async fn build(core: &Core, args: ExampleArgs) -> Result<Parts, BoxError> {
        core.db.ping().await?;
        if args.lacks_something {
            return Err("there is no template for emails".into());
        }
        let panics = args.panics;
        Ok(Parts::new().task("worker", move |stop: Shutdown| async move {
            assert!(!panics, "the index is broken");
            stop.requested().await;
        }))
    }
}

/// `package orders.v1; service Bare { rpc Call(M) returns (M); } message M {}`: the method has no option.
const BARE: &[u8] = b"\x0a\x47\x0a\x01f\x12\x09orders.v1\x22\x03\x0a\x01M\x32\x2a\x0a\x04Bare\
    \x12\x22\x0a\x04Call\x12\x0c.orders.v1.M\x1a\x0c.orders.v1.M\x62\x06proto3";

/// A service with a method that does not declare who may call it.
#[derive(Clone, Debug)]
struct Undeclared;

impl Service for Undeclared {
    const NAME: ServiceName = ServiceName::Orders;
    const DESCRIPTORS: &'static [u8] = BARE;
    type Args = ExampleArgs;

    async fn build(_: &Core, _: ExampleArgs) -> Result<Parts, BoxError> {
        Ok(Parts::new())
    }
}

/// A service with a gRPC service that its descriptors do not have.
#[derive(Clone, Debug)]
struct Undescribed;

impl Service for Undescribed {
    const NAME: ServiceName = ServiceName::Orders;
    const DESCRIPTORS: &'static [u8] = &[];
    type Args = ExampleArgs;

    async fn build(_: &Core, _: ExampleArgs) -> Result<Parts, BoxError> {
        let (_reporter, health) = tonic_health::server::health_reporter();
        Ok(Parts::new().grpc(health))
    }
}

async fn build(database: &TestDatabase, args: ExampleArgs) -> (Result<App, StartError>, TempDir) {
    build_service::<Example>(database, args).await
}

async fn build_service<S: Service<Args = ExampleArgs>>(
    database: &TestDatabase,
    args: ExampleArgs,
) -> (Result<App, StartError>, TempDir) {
    let trust = tempfile::tempdir().unwrap();
    let keys = TokenIssuer::new(issuer::AUTH, SigningKey::generate().unwrap()).public_keys();
    let file = trust.path().join(format!("{}.jwks.json", issuer::AUTH));
    fs::write(file, serde_json::to_vec(&keys).unwrap()).unwrap();
    let config = Config::<S> {
        args,
        grpc: GrpcArgs::new("127.0.0.1:0".parse().unwrap()),
        database: DatabaseArgs::new(database.url(ServiceName::Orders)),
        trust: TrustArgs::new(trust.path().to_owned()),
        telemetry: TelemetryArgs::default(),
        environment: Environment::Dev,
    };
    (App::build(config).await, trust)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_panics_ends_the_service_with_an_error() {
    let database = TestDatabase::create().await;
    let (app, _trust) = build(&database, ExampleArgs { lacks_something: false, panics: true }).await;
    let (_trigger, shutdown) = Shutdown::new();
    let ended = tokio::time::timeout(LIMIT, app.unwrap().serve(shutdown)).await.unwrap();
    let Err(RunError::Task(error)) = ended else { panic!("{ended:?}") };
    assert_eq!(error.to_string(), "the background task `worker` panicked: the index is broken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_stops_with_its_tasks_when_it_is_asked_to() {
    let database = TestDatabase::create().await;
    let (app, _trust) = build(&database, ExampleArgs { lacks_something: false, panics: false }).await;
    let (trigger, shutdown) = Shutdown::new();
    let serving = tokio::spawn(app.unwrap().serve(shutdown));
    trigger.request();
    tokio::time::timeout(LIMIT, serving).await.unwrap().unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_service_lacks_is_told_in_its_own_words() {
    let database = TestDatabase::create().await;
    let (app, _trust) = build(&database, ExampleArgs { lacks_something: true, panics: false }).await;
    let Err(StartError::Own(error)) = app else { panic!("it started, or failed before") };
    assert_eq!(error.to_string(), "there is no template for emails");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_does_not_start_with_a_method_or_service_that_nobody_may_call() {
    let database = TestDatabase::create().await;
    let args = ExampleArgs { lacks_something: false, panics: false };
    let (undeclared, _trust) = build_service::<Undeclared>(&database, args.clone()).await;
    let (undescribed, _trust) = build_service::<Undescribed>(&database, args).await;
    for (app, reason) in [
        (undeclared, "orders.v1.Bare.Call: declare who may call it"),
        (undescribed, "grpc.health.v1.Health is served, but no rule says who may call it"),
    ] {
        let Err(StartError::Own(error)) = app else { panic!("it started, or failed otherwise") };
        assert!(error.to_string().starts_with(reason), "{error}");
    }
}
