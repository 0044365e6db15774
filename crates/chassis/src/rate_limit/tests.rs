use governor::clock::FakeRelativeClock;
use rowhouse_tokens::Role;

use super::counter::FORGET_AFTER;
use super::*;
use crate::error::{Code, fault};
use std::net::IpAddr;
use std::time::Duration;

fn limit(text: &str) -> RateLimit {
    text.parse().unwrap()
}

fn user() -> Principal {
    Principal::User { id: Uuid::now_v7(), role: Role::Member }
}

fn api_key() -> Principal {
    Principal::ApiKey { id: Uuid::now_v7(), scopes: Vec::new() }
}

fn limiter(tenant: &str, api_key: &str) -> (RateLimiter<FakeRelativeClock>, FakeRelativeClock) {
    of(RateLimits { tenant: limit(tenant), api_key: limit(api_key), ..RateLimits::default() })
}

fn of(limits: RateLimits) -> (RateLimiter<FakeRelativeClock>, FakeRelativeClock) {
    let clock = FakeRelativeClock::default();
    (RateLimiter::with_clock(limits, &clock), clock)
}

/// Returns how many of several requests at once are allowed.
fn passed(
    limiter: &RateLimiter<FakeRelativeClock>,
    tenant: TenantId,
    who: &Principal,
    requests: usize,
) -> usize {
    (0..requests).filter(|_| limiter.check(tenant, Some(who)).refusal().is_none()).count()
}

#[test]
fn limits_are_read() {
    let limit =
        |rate, burst| Ok(RateLimit::new(NonZeroU32::new(rate).unwrap(), NonZeroU32::new(burst).unwrap()));
    for (text, expected) in [
        ("0", Ok(RateLimit::OFF)),
        ("100:500", limit(100, 500)),
        ("1:1", limit(1, 1)),
        ("20", limit(20, 20)),
        ("0:5", Err(InvalidRateLimit)),
        ("5:0", Err(InvalidRateLimit)),
        ("", Err(InvalidRateLimit)),
        ("-1", Err(InvalidRateLimit)),
        ("1:2:3", Err(InvalidRateLimit)),
        ("1.5", Err(InvalidRateLimit)),
        ("99999999999", Err(InvalidRateLimit)),
    ] {
        assert_eq!(text.parse(), expected, "{text:?}");
    }
}

#[test]
fn a_tenant_has_its_burst_and_then_its_rate() {
    let (limiter, clock) = limiter("10:50", "0");
    let (acme, globex) = (TenantId::generate(), TenantId::generate());
    // All callers of a tenant share it.
    assert_eq!(passed(&limiter, acme, &user(), 30), 30);
    assert_eq!(passed(&limiter, acme, &api_key(), 30), 20);
    assert_eq!(passed(&limiter, globex, &user(), 60), 50);
    for _ in 0..3 {
        clock.advance(Duration::from_secs(1));
        assert_eq!(passed(&limiter, acme, &user(), 60), 10);
    }
    clock.advance(Duration::from_secs(5));
    assert_eq!(passed(&limiter, acme, &user(), 60), 50);
}

#[test]
fn a_key_that_does_too_much_does_not_use_its_tenant_up() {
    let (limiter, _clock) = limiter("10:50", "1:5");
    let tenant = TenantId::generate();
    let (first, second) = (api_key(), api_key());
    assert_eq!(passed(&limiter, tenant, &first, 1_000), 5);
    assert_eq!(passed(&limiter, tenant, &second, 1_000), 5);
    assert_eq!(passed(&limiter, tenant, &user(), 1_000), 40);
    let refusal = fault(&limiter.check(tenant, Some(&first)).refusal().unwrap().0, Code::COMMON);
    assert_eq!(refusal.code, Code::RATE_LIMITED);
    assert_eq!(refusal.detail, "the API key may send 1 requests a second: wait, and send fewer at once");
    assert_eq!(refusal.retry_after, Some(Duration::from_secs(1)));
    let refusal = fault(&limiter.check(tenant, Some(&user())).refusal().unwrap().0, Code::COMMON);
    assert_eq!(refusal.detail, "the tenant may send 10 requests a second: wait, and send fewer at once");
    assert_eq!(refusal.retry_after, Some(Duration::from_millis(100)));
}

#[test]
fn a_person_who_does_too_much_leaves_the_tenants_others_their_share() {
    let (limiter, clock) =
        of(RateLimits { tenant: limit("1:50"), user: limit("1:50").half(), ..RateLimits::default() });
    let (acme, globex) = (TenantId::generate(), TenantId::generate());
    let (ada, bob) = (user(), user());
    assert_eq!(passed(&limiter, acme, &ada, 1_000), 25);
    assert_eq!(passed(&limiter, acme, &bob, 20), 20);
    // In another tenant the same person has another allowance.
    assert_eq!(passed(&limiter, globex, &ada, 1_000), 25);
    // So have the holders of a status token, which identifies nobody.
    let nobody = || limiter.check(globex, None).refusal().is_none();
    assert_eq!((0..1_000).filter(|_| nobody()).count(), 25);
    let refusal = fault(&limiter.check(acme, Some(&ada)).refusal().unwrap().0, Code::COMMON);
    assert_eq!(refusal.detail, "one person may send a request every 2 seconds: wait, and send fewer at once");
    assert_eq!(refusal.retry_after, Some(Duration::from_secs(2)));
    clock.advance(Duration::from_secs(2));
    assert_eq!(passed(&limiter, acme, &ada, 10), 1);
}

#[test]
fn half_and_twice() {
    assert_eq!(limit("100:500").half(), limit("50:250"));
    assert_eq!(limit("1:1").half().twice(), limit("1:2"));
    assert_eq!(limit("0").half(), RateLimit::OFF);
    let limits = RateLimits { tenant: limit("100:500"), user: limit("3:7"), api_key: RateLimit::OFF };
    let twice = RateLimits { tenant: limit("200:1000"), user: limit("6:14"), api_key: RateLimit::OFF };
    assert_eq!(limits.twice(), twice);
}

#[test]
fn services_and_what_is_off_are_not_limited() {
    let tenant = TenantId::generate();
    let service = Principal::Service { name: "onboarding".to_owned() };
    let (limiter, _clock) = limiter("1:1", "1:1");
    assert_eq!(passed(&limiter, tenant, &service, 100), 100);
    let (off, _clock) = self::limiter("0", "0");
    assert_eq!(passed(&off, tenant, &api_key(), 100), 100);
    for decision in [limiter.check(tenant, Some(&service)), off.check(tenant, Some(&user()))] {
        assert_eq!((decision.policy_header(), decision.limit_header()), (None, None));
    }
}

#[test]
fn headers() {
    let (limiter, clock) =
        of(RateLimits { tenant: limit("100:500"), user: limit("50:250"), api_key: limit("3:7") });
    let (tenant, key) = (TenantId::generate(), api_key());
    let texts = |decision: Decision| (decision.policy_header().unwrap(), decision.limit_header().unwrap());
    let policies = r#""tenant";q=500;w=5, "api-key";q=7;w=3"#;
    let (policy, left) = texts(limiter.check(tenant, Some(&key)));
    assert_eq!((policy.as_str(), left.as_str()), (policies, r#""tenant";r=499;t=1, "api-key";r=6;t=1"#));
    for _ in 0..5 {
        drop(limiter.check(tenant, Some(&key)));
    }
    let (_, left) = texts(limiter.check(tenant, Some(&key)));
    assert_eq!(left, r#""tenant";r=493;t=1, "api-key";r=0;t=3"#);
    // The request was refused by its key's limit, so the tenant's was not checked.
    let (policy, left) = texts(limiter.check(tenant, Some(&key)));
    assert_eq!((policy.as_str(), left.as_str()), (r#""api-key";q=7;w=3"#, r#""api-key";r=0;t=1"#));
    clock.advance(Duration::from_secs(10));
    let (_, left) = texts(limiter.check(tenant, Some(&user())));
    assert_eq!(left, r#""tenant";r=499;t=1, "user";r=249;t=1"#);
}

#[test]
fn quiet_callers_are_forgotten() {
    let (limiter, clock) = limiter("100:500", "0");
    for _ in 0..FORGET_AFTER {
        drop(limiter.check(TenantId::generate(), None));
    }
    let known = || limiter.tenant.as_ref().unwrap().counter.len();
    assert_eq!(known(), usize::try_from(FORGET_AFTER).unwrap());
    clock.advance(Duration::from_secs(10));
    drop(limiter.check(TenantId::generate(), None));
    assert_eq!(known(), 1);
}

#[test]
fn a_network_is_limited_and_its_neighbours_together() {
    let (clock, of) = (FakeRelativeClock::default(), |number| NonZeroU32::new(number).unwrap());
    let limiter = NetworkLimiter::with_clock(of(1), of(10), &clock);
    let from = |address: &str| limiter.check(Some(address.parse::<IpAddr>().unwrap().into()));
    let passed = |address: &str| (0..100).filter(|_| from(address).is_ok()).count();
    assert_eq!((passed("203.0.113.1"), passed("203.0.113.2")), (10, 10));
    // Each /64 has 10 of the 40 that the /48 has.
    let of_parts: Vec<_> = (0..6).map(|n| passed(&format!("2001:db8:0:{n:x}::1"))).collect();
    assert_eq!(of_parts, [10, 10, 10, 10, 0, 0]);
    assert_eq!(passed("2001:db8:1::1"), 10, "another /48");
    assert_eq!((0..20).filter(|_| limiter.check(None).is_ok()).count(), 10);
    let wait = from("203.0.113.1").unwrap_err();
    assert!(wait <= Duration::from_secs(1) && !wait.is_zero(), "{wait:?}");
    clock.advance(Duration::from_secs(3));
    assert_eq!(passed("203.0.113.1"), 3);
}
