//! Rate limits over a real socket: the services can be called without the gateway.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rowhouse_chassis::error::{Code, fault};
use rowhouse_chassis::grpc::GrpcOptions;
use rowhouse_chassis::rate_limit::{RateLimiter, RateLimits};
use rowhouse_tokens::{Principal, Role, TokenIssuer};
use support::{CALL, Echo, Reply, Running, call, options, rules, start, trusted_issuer};
use tonic::{Code as GrpcCode, Request, Response};
use uuid::Uuid;

struct Caller {
    principal: Principal,
    tenant: Uuid,
}

impl Caller {
    async fn call(&self, issuer: &TokenIssuer, server: &Running) -> Reply {
        let lifetime = Duration::from_mins(1);
        let token =
            issuer.access_token(&self.principal, self.tenant, Uuid::now_v7(), lifetime).unwrap().token;
        let mut request = Request::new(String::new());
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        call(&server.channel, "Echo", request).await
    }
}

#[tokio::test]
async fn a_tenant_a_person_and_a_key_have_their_limits_at_each_service() {
    let (issuer, verifier) = trusted_issuer().await;
    let [tenant, user, api_key] = ["1:20", "1:10", "1:5"].map(|limit| limit.parse().unwrap());
    let rate_limits = RateLimits { tenant, user, api_key };
    let options = GrpcOptions {
        tls: None,
        verifier,
        limiter: Arc::new(RateLimiter::new(rate_limits)),
        access: rules(&["Open"], &["Echo"]),
        ..options().await
    };
    let echo = |_: Request<String>| async { Ok(Response::new(String::new())) };
    let server = start(options, Echo::default().method("Echo", echo).method("Open", echo));

    let (acme, globex) = (Uuid::now_v7(), Uuid::now_v7());
    let person =
        |tenant| Caller { principal: Principal::User { id: Uuid::now_v7(), role: Role::Member }, tenant };
    let program = Caller {
        principal: Principal::ApiKey { id: Uuid::now_v7(), scopes: vec![CALL.as_str().to_owned()] },
        tenant: acme,
    };
    // The second person finds what the first one and the program have left of the tenant's burst.
    for (caller, burst) in [(program, 5), (person(acme), 10), (person(acme), 5)] {
        let began = Instant::now();
        let mut passed: u64 = 0;
        let refused = loop {
            match caller.call(&issuer, &server).await {
                Ok(_) => passed += 1,
                Err(refused) => break refused,
            }
        };
        assert!((burst..=burst + began.elapsed().as_secs() + 1).contains(&passed), "{passed} passed");
        assert_eq!(refused.code(), GrpcCode::ResourceExhausted);
        let fault = fault(&refused, Code::COMMON);
        assert_eq!(fault.code, Code::RATE_LIMITED);
        let wait = fault.retry_after.unwrap();
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(1), "{wait:?}");
    }
    // Other tenants, and callers without one, are not affected.
    person(globex).call(&issuer, &server).await.unwrap();
    for _ in 0..50 {
        server.call("Open", "").await.unwrap();
    }
    server.stop().await;
}
