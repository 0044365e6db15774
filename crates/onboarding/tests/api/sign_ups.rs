//! Limits on sign-ups without the gateway.

use rowhouse_auth::SignUpArgs;
use rowhouse_chassis::client::FORWARDED_FOR;
use rowhouse_chassis::error::{Code, fault};
use rowhouse_proto::ERROR_CODES;
use rowhouse_proto::onboarding::v1::OnboardTenantResponse;
use tonic::{Code as GrpcCode, Request, Status};

use crate::support::{Running, World, auth_config, request};

const ROWS: &str = "SELECT concat_ws(' ', (SELECT count(*) FROM tenancy.tenants),
    (SELECT count(*) FROM onboarding.onboardings), (SELECT count(*) FROM auth.identities), (SELECT count(*) FROM jobs.jobs
    WHERE kind = 'tenant.set_up'))";

async fn world() -> World {
    let mut world = World::alone().await;
    let sign_ups = SignUpArgs { sign_ups_per_network: 4, sign_ups_per_address: 2 };
    let mut config = auth_config(&world.database, &world.keys, world.auth_address);
    config.args.sign_ups = sign_ups;
    world.auth = Some(Running::start(config).await);
    world.start_orders().await;
    world
}

/// Signs up. `addresses` are those of `x-forwarded-for`; this machine is a trusted proxy.
async fn sign_up(
    world: &World,
    name: &str,
    email: &str,
    addresses: &str,
) -> Result<OnboardTenantResponse, Status> {
    let mut request = Request::new(request(name, email));
    request.metadata_mut().insert(FORWARDED_FOR, addresses.parse().unwrap());
    Ok(world.client().onboard_tenant(request).await?.into_inner())
}

fn assert_refused(answer: Result<OnboardTenantResponse, Status>) {
    let status = answer.unwrap_err();
    assert_eq!(status.code(), GrpcCode::ResourceExhausted, "{status:?}");
    let refused = fault(&status, ERROR_CODES);
    assert_eq!(refused.code, Code::TOO_MANY_ATTEMPTS);
    assert!(refused.retry_after.is_some_and(|after| (60..=3600).contains(&after.as_secs())), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_signs_up_so_often() {
    let world = world().await;
    for n in 0..4 {
        let (name, email) = (format!("Tenant {n}"), format!("a{n}@example.com"));
        sign_up(&world, &name, &email, &format!("2001:db8::{n}")).await.unwrap();
    }
    let before = world.value(ROWS).await;
    assert!(before.starts_with("4 4 4 "), "{before}");
    for (n, addresses) in ["2001:db8::ffff", "203.0.113.9, 2001:db8::fffe"].into_iter().enumerate() {
        // An address that the client itself sends precedes its own one and is ignored.
        assert_refused(sign_up(&world, &format!("More {n}"), &format!("b{n}@example.com"), addresses).await);
    }
    assert_eq!(world.value(ROWS).await, before);
    sign_up(&world, "Elsewhere", "c@example.com", "203.0.113.9").await.unwrap();
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_signed_up_so_often_from_wherever() {
    let world = world().await;
    // First it is nobody's, and then somebody's.
    for n in 0..2 {
        let from = format!("203.0.113.{n}");
        sign_up(&world, &format!("Tenant {n}"), "ada@example.com", &from).await.unwrap();
    }
    let before = world.value(ROWS).await;
    assert!(before.starts_with("2 2 1 "), "{before}");
    for n in 2..5 {
        let from = format!("198.51.100.{n}");
        assert_refused(sign_up(&world, &format!("Tenant {n}"), "ada@example.com", &from).await);
    }
    assert_eq!(world.value(ROWS).await, before);
    sign_up(&world, "Another", "bob@example.com", "198.51.100.2").await.unwrap();
    world.stop().await;
}
