//! The trace of a request in its answer. Telemetry is global to a process, so this file has one test.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::net::Ipv4Addr;
use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response};
use rowhouse_catalog::PerService;
use rowhouse_chassis::config::{
    AdmissionArgs, CallTlsArgs, Environment, OfEachService, ProxyArgs, TelemetryArgs, TlsArgs, TrustArgs,
};
use rowhouse_chassis::rate_limit::RateLimits;
use rowhouse_chassis::shutdown::Shutdown;
use rowhouse_chassis::telemetry;
use rowhouse_gateway::{App, Config, HttpTlsArgs};
use rowhouse_tokens::{SigningKey, TokenIssuer, issuer};
use serde_json::Value;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// An address on which nothing listens. No free port is as low.
const CLOSED: &str = "http://127.0.0.1:1";

/// Returns the ids of the trace and of the span that an answer names.
fn ids(answer: &Response, what: &str) -> (String, String) {
    let parent = answer.headers().get("traceparent").unwrap_or_else(|| panic!("{what} has no traceparent"));
    match parent.to_str().unwrap().split('-').collect::<Vec<_>>()[..] {
        ["00", trace, span, _] if trace.len() == 32 && span.len() == 16 => {
            (trace.to_owned(), span.to_owned())
        }
        _ => panic!("{what}: {parent:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_and_every_problem_name_their_trace() {
    // Spans are made for a collector, whether or not it receives them.
    let telemetry = TelemetryArgs { otlp_endpoint: Some(CLOSED.to_owned()), ..TelemetryArgs::default() };
    let guard = telemetry::init(&telemetry, "rowhouse-test").unwrap();
    let trusted = tempfile::tempdir().unwrap();
    let keys = TokenIssuer::new(issuer::AUTH, SigningKey::generate().unwrap()).public_keys();
    let file = trusted.path().join(format!("{}.jwks.json", issuer::AUTH));
    fs::write(file, serde_json::to_vec(&keys).unwrap()).unwrap();
    let upstream = CLOSED.to_owned();
    let config = Config {
        listen: (Ipv4Addr::LOCALHOST, 0).into(),
        endpoints: OfEachService(PerService::from_fn(|_| upstream.clone())),
        request_timeout: Duration::from_secs(10),
        admission: AdmissionArgs::default(),
        rate_limits: RateLimits::default().into(),
        http_tls: HttpTlsArgs::default(),
        tls: TlsArgs::default(),
        calls: CallTlsArgs::default(),
        proxies: ProxyArgs::this_machine(),
        trust: TrustArgs::new(trusted.path().to_owned()),
        telemetry,
        environment: Environment::Dev,
    };
    let app = App::build(config).await.unwrap();
    let base = format!("http://{}", app.address());
    let (trigger, shutdown) = Shutdown::new();
    let served = tokio::spawn(app.serve(shutdown));
    let http = Client::new();

    let post = |path: &str, body: &'static str| {
        http.post(format!("{base}{path}")).header("content-type", "application/json").body(body)
    };
    let login = r#"{"email": "ada@example.com", "password": "a long password"}"#;
    let get = |path: &str| http.get(format!("{base}{path}"));
    let etag = get("/openapi.json").send().await.unwrap().headers().get("etag").unwrap().clone();
    let requests: [(u16, RequestBuilder); 12] = [
        (200, get("/openapi.json")),
        (200, http.head(format!("{base}/openapi.json"))),
        (304, get("/openapi.json").header("if-none-match", etag)),
        (400, post("/v1/auth/login", "{")),
        (400, post("/v1/auth/login", "{}")),
        (400, post("/v1/auth/login?next=/", login)),
        (401, get("/v1/orders")),
        (404, get("/nowhere")),
        (405, http.delete(format!("{base}/v1/auth/login"))),
        (414, get(&format!("/{}", "a".repeat(9000)))),
        (415, http.post(format!("{base}/v1/auth/login")).body("email=ada")),
        (503, post("/v1/auth/login", login)),
    ];
    for (status, request) in requests {
        // The first of two has a trace of its own, the second one continues the caller's.
        let own = request.try_clone().unwrap().send().await.unwrap();
        let continued =
            request.header("traceparent", format!("00-{TRACE}-{PARENT}-00")).send().await.unwrap();
        for (answer, is_own) in [(own, true), (continued, false)] {
            let what = format!("{status} {}", answer.url().path());
            assert_eq!(answer.status(), status, "{what}");
            let (trace, span) = ids(&answer, &what);
            assert_eq!((trace != TRACE, span != PARENT), (is_own, true), "{what}");
            if status >= 400 {
                let problem: Value = answer.json().await.unwrap();
                assert_eq!(
                    problem.get("trace_id").and_then(Value::as_str),
                    Some(&*trace),
                    "{what}: {problem}"
                );
            }
        }
    }
    // Probes are not traced.
    assert!(!get("/healthz").send().await.unwrap().headers().contains_key("traceparent"));
    trigger.request();
    served.await.unwrap().unwrap();
    guard.shutdown().await;
}
