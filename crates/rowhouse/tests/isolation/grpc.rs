//! Over gRPC, directly at the services.

use rowhouse_proto::auth::v1::auth_service_client::AuthServiceClient;
use rowhouse_proto::auth::v1::{CreateMembershipRequest, GetMeRequest, PrepareMemberRequest, Role};
use rowhouse_testkit::{ServiceName, TestOptions, TestSystem};
use tonic::metadata::MetadataValue;
use tonic::{Code, Request};

use crate::orders::Orders;

/// With one connection, the next tenant would find whatever another one left on it.
#[tokio::test(flavor = "multi_thread")]
async fn two_tenants_on_one_connection_see_nothing_of_each_other() {
    let system = TestSystem::start_with(TestOptions { pool_size: 1, ..TestOptions::default() }).await;
    let (acme, globex) = (system.onboard("Acme").await, system.onboard("Globex").await);
    let (as_acme, as_globex) = (Orders::of(&system, &acme).await, Orders::of(&system, &globex).await);

    let of_acme = as_acme.create("Alice").await.unwrap();
    let of_globex = as_globex.create("Gina").await.unwrap();
    assert_eq!((of_acme.number, of_globex.number), (1, 1), "numbers say nothing of other tenants");

    for (caller, own, foreign) in [(&as_acme, &of_acme, &of_globex), (&as_globex, &of_globex, &of_acme)] {
        assert_eq!(caller.list().await.unwrap(), [own.clone()]);
        assert_eq!(caller.list_placed().await.unwrap(), [own.clone()]);
        assert_eq!(&caller.get(&own.id).await.unwrap(), own);
        assert_eq!(caller.get(&foreign.id).await.unwrap_err().code(), Code::NotFound);
        assert_eq!(caller.pay(&foreign.id).await.unwrap_err().code(), Code::NotFound);
    }
    assert_eq!(as_globex.get(&of_globex.id).await.unwrap(), of_globex, "untouched");
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_id_and_a_missing_id_get_the_same_answer() {
    let system = TestSystem::start().await;
    let (acme, globex) = (system.onboard("Acme").await, system.onboard("Globex").await);
    let (as_acme, as_globex) = (Orders::of(&system, &acme).await, Orders::of(&system, &globex).await);
    let foreign = as_globex.create("Gina").await.unwrap().id;
    let missing = "01890a5d-ac96-774b-bcce-b302099a8057";

    for (one, other) in [
        (as_acme.get(&foreign).await.unwrap_err(), as_acme.get(missing).await.unwrap_err()),
        (as_acme.pay(&foreign).await.unwrap_err(), as_acme.pay(missing).await.unwrap_err()),
    ] {
        assert_eq!(one.code(), other.code());
        assert_eq!(one.message(), other.message());
        assert_eq!(one.details(), other.details());
    }
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metadata_never_selects_a_tenant() {
    let system = TestSystem::start().await;
    let (acme, globex) = (system.onboard("Acme").await, system.onboard("Globex").await);
    let mut as_acme = Orders::of(&system, &acme).await;
    let order = as_acme.create("Alice").await.unwrap();

    as_acme.claimed_tenant = Some(acme.id.clone());
    assert_eq!(as_acme.get(&order.id).await.unwrap(), order, "the token's own tenant may be repeated");

    as_acme.claimed_tenant = Some(globex.id.clone());
    assert_eq!(as_acme.get(&order.id).await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(as_acme.list().await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(as_acme.create("Mallory").await.unwrap_err().code(), Code::PermissionDenied);

    as_acme.claimed_tenant = Some("globex".to_owned());
    assert_eq!(as_acme.list().await.unwrap_err().code(), Code::InvalidArgument);
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_served_without_a_token() {
    let system = TestSystem::start().await;
    let mut auth = AuthServiceClient::connect(system.endpoint(ServiceName::Auth).to_owned()).await.unwrap();
    assert_eq!(auth.get_me(GetMeRequest {}).await.unwrap_err().code(), Code::Unauthenticated);

    let tenant = system.onboard("Acme").await;
    let mut request = Request::new(GetMeRequest {});
    request.metadata_mut().insert("x-tenant-id", MetadataValue::try_from(tenant.id.as_str()).unwrap());
    assert_eq!(auth.get_me(request).await.unwrap_err().code(), Code::Unauthenticated);
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_cannot_make_members() {
    let system = TestSystem::start().await;
    let tenant = system.onboard("Acme").await;
    let mut auth = AuthServiceClient::connect(system.endpoint(ServiceName::Auth).to_owned()).await.unwrap();
    let bearer = MetadataValue::try_from(format!("Bearer {}", tenant.token)).unwrap();
    let email = "mallory@example.com".to_owned();
    let mut request = Request::new(PrepareMemberRequest {
        email: email.clone(),
        password: Some("correct horse battery".to_owned()),
        role: Role::Admin.into(),
        access_token: None,
    });
    request.metadata_mut().insert("authorization", bearer.clone());
    assert_eq!(auth.prepare_member(request).await.unwrap_err().code(), Code::PermissionDenied);
    let mut request = Request::new(CreateMembershipRequest { email, member_proof: Vec::new() });
    request.metadata_mut().insert("authorization", bearer);
    assert_eq!(auth.create_membership(request).await.unwrap_err().code(), Code::PermissionDenied);
    system.shutdown().await;
}
