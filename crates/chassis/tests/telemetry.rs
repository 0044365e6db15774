//! One trace over several hops, received by a collector. Telemetry is global to a process, so this file has one test.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use rowhouse_chassis::config::{Exporter, TelemetryArgs};
use rowhouse_chassis::telemetry;
use rowhouse_tenancy::TenantId;
use rowhouse_tenancy::grpc::carry_token;
use rowhouse_testkit::Collector;
use rowhouse_tokens::{Principal, Role};
use support::{Echo, call, options, rules, start, trusted_issuer};
use tonic::{Request, Response};
use tracing::Instrument;
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread")]
async fn hops_form_one_trace() {
    let collector = Collector::over_grpc();
    let args = TelemetryArgs {
        otlp_endpoint: Some(collector.endpoint().to_owned()),
        metrics_exporter: Exporter::None,
        ..TelemetryArgs::default()
    };
    let telemetry = telemetry::init(&args, "rowhouse-test").unwrap();
    assert!(telemetry::init(&args, "rowhouse-test").is_err());

    let trace_id =
        |_: Request<String>| async { Ok(Response::new(telemetry::traceparent().unwrap_or_default())) };
    let inner = start(options().await, Echo::default().method("TraceId", trace_id));
    let next = inner.channel.clone();
    let forward = move |request: Request<String>| {
        let next = next.clone();
        async move { call(&next, "TraceId", Request::new(request.into_inner())).await }
    };
    let (tokens, verifier) = trusted_issuer().await;
    let mut authenticated = options().await;
    (authenticated.verifier, authenticated.access) = (verifier, rules(&[], &["Forward"]));
    let outer = start(authenticated, Echo::default().method("Forward", forward));

    let incoming = tracing::info_span!("request");
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    telemetry::continue_trace(&incoming, |name| (name == "traceparent").then_some(parent));
    let mut request = Request::new("hunter2".to_owned());
    let tenant = TenantId::generate();
    let minute = Duration::from_mins(1);
    let principal = Principal::User { id: Uuid::now_v7(), role: Role::Member };
    let token = tokens.access_token(&principal, tenant.as_uuid(), Uuid::now_v7(), minute).unwrap().token;
    carry_token(request.metadata_mut(), tenant, &token);
    let answer = call(&outer.channel, "Forward", request).instrument(incoming).await.unwrap();
    assert!(answer.into_inner().starts_with("00-0af7651916cd43dd8448eb211c80319c-"));
    assert!(telemetry::traceparent().is_none());
    outer.stop().await;
    inner.stop().await;
    telemetry.shutdown().await;

    let received = collector.resource_spans();
    for secret in ["hunter2", &token] {
        assert!(!format!("{received:?}").contains(secret), "no token and no body is in a span");
    }
    for resource in &received {
        let attributes = &resource.resource.as_ref().unwrap().attributes;
        let name = attributes.iter().find(|attribute| attribute.key == "service.name").unwrap();
        let name = name.value.as_ref().unwrap().value.as_ref().unwrap();
        assert_eq!(*name, Value::StringValue("rowhouse-test".into()));
    }
    let spans = collector.spans();
    let mut chain = Vec::new();
    let mut parent = &[0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31][..];
    while let Some(span) = spans.iter().find(|span| span.parent_span_id == parent) {
        if kind(span) != "internal" {
            // As in the metrics, and nothing by a name that the conventions have given up.
            for (key, value) in [
                ("rpc.system.name", Some("grpc")),
                ("rpc.method", Some(span.name.as_str())),
                ("rpc.response.status_code", Some("OK")),
                ("rpc.system", None),
                ("rpc.service", None),
                ("rpc.grpc.status_code", None),
            ] {
                let value = value.map(|value| Value::StringValue(value.to_owned()));
                assert_eq!(attribute(span, key), value, "{key} of {span:?}");
            }
        }
        assert_eq!(span.trace_id, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes());
        chain.push((span.name.as_str(), kind(span)));
        parent = &span.span_id;
    }
    assert_eq!(
        chain,
        [
            ("request", "internal"),
            ("test.v1.EchoService/Forward", "client"),
            ("test.v1.EchoService/Forward", "server"),
            ("test.v1.EchoService/TraceId", "client"),
            ("test.v1.EchoService/TraceId", "server"),
        ]
    );
    assert_eq!(spans.len(), chain.len(), "{spans:#?}");
    let of_tenant = Some(Value::StringValue(tenant.to_string()));
    let names: Vec<_> = spans.iter().filter(|span| attribute(span, "tenant_id") == of_tenant).collect();
    assert!(
        matches!(names[..], [one] if one.name.ends_with("Forward") && kind(one) == "server"),
        "{names:?}"
    );
}

fn attribute(span: &Span, key: &str) -> Option<Value> {
    let attribute = span.attributes.iter().find(|attribute| attribute.key == key)?;
    attribute.value.as_ref()?.value.clone()
}

fn kind(span: &Span) -> &'static str {
    match span.kind {
        1 => "internal",
        2 => "server",
        3 => "client",
        _ => "other",
    }
}
