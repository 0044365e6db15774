//! Metrics and traces that a collector receives over HTTP. Telemetry is global to a process, so this file has one test.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use rowhouse_chassis::config::{OtlpProtocol, TelemetryArgs};
use rowhouse_chassis::telemetry;
use rowhouse_testkit::Collector;
use support::{Echo, call, options, rules, start};
use tonic::{Request, Response};

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_receives_metrics_and_traces_over_http() {
    let collector = Collector::over_http().await;
    let args = TelemetryArgs {
        otlp_endpoint: Some(collector.endpoint().to_owned()),
        otlp_protocol: OtlpProtocol::HttpProtobuf,
        metrics_interval: Duration::from_secs(3600),
        ..TelemetryArgs::default()
    };
    let telemetry = telemetry::init(&args, "rowhouse-test").unwrap();
    let echo = Echo::default()
        .method("Hello", async |request: Request<String>| Ok(Response::new(request.into_inner())));
    let mut options = options().await;
    options.access = rules(&["Hello"], &[]);
    let server = start(options, echo);
    call(&server.channel, "Hello", Request::new("you".to_owned())).await.unwrap();
    server.stop().await;
    telemetry.shutdown().await;

    let traced = collector.spans();
    assert!(traced.iter().any(|span| span.name == "test.v1.EchoService/Hello"), "{traced:?}");
    let metrics = collector.resource_metrics();
    let [resource] = metrics.as_slice() else { panic!("{metrics:?}") };
    let attributes = &resource.resource.as_ref().unwrap().attributes;
    let service = attributes.iter().find(|attribute| attribute.key == "service.name").unwrap();
    let service = service.value.as_ref().unwrap().value.as_ref().unwrap();
    assert_eq!(*service, Value::StringValue("rowhouse-test".into()));
    for key in ["service.version", "service.instance.id"] {
        assert!(attributes.iter().any(|attribute| attribute.key == key), "{key}");
    }
    let metrics = collector.metrics();
    let names: Vec<_> = metrics.iter().map(|metric| metric.name.as_str()).collect();
    for name in ["rpc.server.call.duration", "rpc.client.call.duration", "process.cpu.time", "tokio.workers"]
    {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
}
