//! One trace from the REST request to the SQL statements, received as real OTLP. Telemetry is global to a process, so
//! this file has one test.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{HashMap, HashSet};

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use rowhouse_chassis::config::{Exporter, TelemetryArgs};
use rowhouse_testkit::{Collector, TestOptions, TestSystem};
use serde_json::json;

const TRACE: [u8; 16] = [0x0a; 16];
const PARENT: [u8; 8] = [0x0b; 8];
const TRACEPARENT: &str = "00-0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a-0b0b0b0b0b0b0b0b-00";
const PASSWORD: &str = "a secret that nobody may log";

fn attribute<'a>(span: &'a Span, name: &str) -> Option<&'a str> {
    let value = span.attributes.iter().find(|attribute| attribute.key == name)?.value.as_ref()?;
    match value.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_one_trace_down_to_its_statements() {
    let collector = Collector::over_grpc();
    let telemetry = TelemetryArgs {
        log: "warn".to_owned(),
        otlp_endpoint: Some(collector.endpoint().to_owned()),
        metrics_exporter: Exporter::None,
        ..TelemetryArgs::default()
    };
    let system =
        TestSystem::start_with(TestOptions { telemetry: Some(telemetry), ..TestOptions::default() }).await;

    let body = json!({ "name": "Acme", "admin": { "email": "ada@example.com", "password": PASSWORD } });
    let onboarded = system
        .http()
        .post(format!("{}/v1/tenants", system.gateway_url()))
        .header("traceparent", TRACEPARENT)
        .json(&body)
        .send()
        .await
        .unwrap();
    assert_eq!(onboarded.status(), 201);
    let tenant: serde_json::Value = onboarded.json().await.unwrap();
    let tenant = tenant["tenant"]["id"].as_str().unwrap().to_owned();
    // This flushes the spans.
    system.shutdown().await;

    let all = collector.spans();
    let spans: HashMap<_, _> =
        all.iter().filter(|span| span.trace_id == TRACE).map(|span| (span.span_id.clone(), span)).collect();

    // One tree: every span has the caller's as its ancestor.
    let mut roots = HashSet::new();
    for span in spans.values() {
        let mut top = *span;
        for _ in 0..spans.len() {
            match spans.get(&top.parent_span_id) {
                Some(parent) => top = *parent,
                None => break,
            }
        }
        assert_eq!(top.parent_span_id, PARENT, "{} hangs in the air under {}", span.name, top.name);
        roots.insert(top.span_id.clone());
    }
    assert_eq!(roots.len(), 1, "one request, one root");

    // The longest path: gateway, onboarding, auth, transaction, statement.
    let statement = spans
        .values()
        .find(|span| {
            attribute(span, "db.query.text").is_some_and(|text| text.contains("auth.count_attempt("))
        })
        .expect("the statement that counts the sign-up");
    let mut way = Vec::new();
    let mut at = Some(statement);
    while let Some(span) = at {
        way.push(span.name.as_str());
        at = spans.get(&span.parent_span_id);
    }
    for name in [
        "SELECT",
        "auth.admit_sign_up",
        "auth.v1.AuthService/PrepareMember",
        "onboarding.v1.OnboardingService/OnboardTenant",
        "POST /v1/tenants",
    ] {
        let position = way.iter().position(|step| *step == name);
        assert!(position.is_some(), "{name} is not on the way {way:?}");
        way.drain(..=position.unwrap());
        if way.is_empty() {
            assert_eq!(name, "POST /v1/tenants", "the way ends too early");
        }
    }

    // Background work that the request caused is a part of its trace.
    let of_tenant = |name: &str| {
        all.iter().find(|span| span.name == name && attribute(span, "tenant_id") == Some(tenant.as_str()))
    };
    let job = of_tenant("tenant.set_up").expect("the job that sets the tenant up");
    assert_eq!(job.trace_id, TRACE);
    for name in [
        "auth.create_membership",
        "auth.v1.AuthService/CreateMembership",
        "orders.v1.OrderService/SetUpTenant",
    ] {
        let span = of_tenant(name).unwrap_or_else(|| panic!("{name} does not say whose it is"));
        assert_eq!(span.trace_id, job.trace_id, "{name}");
    }
    let printed = format!("{all:?}");
    for secret in [PASSWORD, "Bearer ", "$2b$", "$bcrypt-sha256$"] {
        assert!(!printed.contains(secret), "a span holds {secret:?}");
    }
}
