//! Metrics that a collector receives, over gRPC and over HTTP. Telemetry is global to a process, so this file has one test.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message;
use rowhouse_chassis::config::{OtlpProtocol, TelemetryArgs};
use rowhouse_chassis::telemetry;
use support::{Echo, call, options, rules, start};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tonic::{Request, Response};

/// A collector's HTTP server, which keeps the paths and bodies of what it is sent.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Received>>>);

/// The path and the body of a request.
type Received = (String, Vec<u8>);

impl Collector {
    async fn serve(self, listener: TcpListener) {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let received = Arc::clone(&self.0);
            tokio::spawn(async move {
                let mut bytes = Vec::new();
                let body = loop {
                    let mut chunk = [0; 4096];
                    let length = stream.read(&mut chunk).await.unwrap();
                    bytes.extend_from_slice(&chunk[..length]);
                    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
                    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
                    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
                    if bytes.len() >= end + 4 + length.parse::<usize>().unwrap() {
                        break bytes[end + 4..].to_vec();
                    }
                };
                let path = String::from_utf8_lossy(&bytes).split(' ').nth(1).unwrap().to_owned();
                received.lock().unwrap().push((path, body));
                let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                stream.write_all(answer.as_bytes()).await.unwrap();
            });
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_receives_metrics_and_traces_over_http() {
    let collector = Collector::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let collecting = tokio::spawn(collector.clone().serve(listener));
    let args = TelemetryArgs {
        otlp_endpoint: Some(endpoint),
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
    collecting.abort();

    let received = collector.0.lock().unwrap().clone();
    let paths: Vec<_> = received.iter().map(|(path, _)| path.as_str()).collect();
    assert!(paths.contains(&"/v1/traces"), "{paths:?}");
    let (_, body) = received.iter().find(|(path, _)| path == "/v1/metrics").unwrap();
    let metrics = ExportMetricsServiceRequest::decode(body.as_slice()).unwrap();
    let [resource] = metrics.resource_metrics.as_slice() else { panic!("{metrics:?}") };
    let attributes = &resource.resource.as_ref().unwrap().attributes;
    let service = attributes.iter().find(|attribute| attribute.key == "service.name").unwrap();
    let service = service.value.as_ref().unwrap().value.as_ref().unwrap();
    assert_eq!(*service, Value::StringValue("rowhouse-test".into()));
    for key in ["service.version", "service.instance.id"] {
        assert!(attributes.iter().any(|attribute| attribute.key == key), "{key}");
    }
    let names: Vec<_> =
        resource.scope_metrics.iter().flat_map(|scope| &scope.metrics).map(|m| &*m.name).collect();
    for name in ["rpc.server.call.duration", "rpc.client.call.duration", "process.cpu.time", "tokio.workers"]
    {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
}
