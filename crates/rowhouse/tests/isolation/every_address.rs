//! Every address and method in the OpenAPI document and the descriptors, so that new ones are tested as well.

use std::collections::HashSet;

use prost::Message;
use prost_types::FileDescriptorSet;
use reqwest::{Client, Method, StatusCode};
use rowhouse_proto::FILE_DESCRIPTOR_SET;
use rowhouse_testkit::{PerService, ServiceName, TestSystem};
use serde_json::{Value, json};
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

use crate::caller::MISSING;

/// The public methods. Those that are not for everybody require a password or another secret.
const PUBLIC: [&str; 13] = [
    "/auth.v1.AuthService/CompleteMfa",
    "/auth.v1.AuthService/GetJwks",
    "/auth.v1.AuthService/IssueToken",
    "/auth.v1.AuthService/Login",
    "/auth.v1.AuthService/Logout",
    "/auth.v1.AuthService/RefreshSession",
    "/auth.v1.AuthService/RequestPasswordReset",
    "/auth.v1.AuthService/ResendEmailVerification",
    "/auth.v1.AuthService/ResetPassword",
    "/auth.v1.AuthService/SwitchTenant",
    "/auth.v1.AuthService/VerifyEmail",
    "/auth.v1.InvitationService/AcceptInvitation",
    "/onboarding.v1.OnboardingService/OnboardTenant",
];

fn methods() -> Vec<String> {
    let descriptors = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let mut methods = Vec::new();
    for file in descriptors.file {
        for service in &file.service {
            for method in &service.method {
                methods.push(format!("/{}.{}/{}", file.package(), service.name(), method.name()));
            }
        }
    }
    methods
}

/// Returns the service that serves a method, such as `/orders.v1.OrderService/GetOrder`.
fn server_of(method: &str) -> ServiceName {
    let package = method.strip_prefix('/').and_then(|path| path.rsplit_once('.')).unwrap().0;
    ServiceName::of_package(package).unwrap_or_else(|| panic!("no service serves {method}"))
}

/// Calls a method with an empty message and returns the refusal.
async fn refusal(channel: &Channel, method: &str, metadata: &[(&'static str, &str)]) -> Status {
    let mut request = Request::new(());
    for (name, value) in metadata {
        request.metadata_mut().insert(*name, MetadataValue::try_from(*value).unwrap());
    }
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let codec = ProstCodec::<(), ()>::default();
    match client.server_streaming(request, method.parse().unwrap(), codec).await {
        Ok(answer) => answer.into_inner().message().await.map(drop).expect_err(method),
        Err(refused) => refused,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_method_is_served_without_a_token_or_for_another_tenant() {
    let system = TestSystem::start().await;
    let tenant = system.onboard("Acme").await;
    let bearer = format!("Bearer {}", tenant.token);
    let channel = |endpoint: &str| Endpoint::from_shared(endpoint.to_owned()).unwrap().connect_lazy();
    let channels = PerService::from_fn(|service| channel(system.endpoint(service)));
    let methods = methods();
    assert!(PUBLIC.iter().all(|public| methods.iter().any(|method| method == public)), "{methods:?}");
    for method in methods.iter().filter(|method| !PUBLIC.contains(&method.as_str())) {
        let channel = &channels[server_of(method)];
        let missing = refusal(channel, method, &[]).await;
        assert_eq!(missing.code(), Code::Unauthenticated, "{method}: {missing}");
        let named = refusal(channel, method, &[("x-tenant-id", &tenant.id)]).await;
        assert_eq!(named.code(), Code::Unauthenticated, "{method}: {named}");
        let wrong = refusal(channel, method, &[("authorization", "Bearer x.y.z")]).await;
        assert_eq!(wrong.code(), Code::Unauthenticated, "{method}: {wrong}");
        let foreign = [("authorization", bearer.as_str()), ("x-tenant-id", MISSING)];
        let foreign = refusal(channel, method, &foreign).await;
        assert_eq!(foreign.code(), Code::PermissionDenied, "{method}: {foreign}");
        assert!(foreign.message().contains("x-tenant-id"), "{method}: {foreign}");
    }
    system.shutdown().await;
}

/// A client may compress what it sends to any service.
#[tokio::test(flavor = "multi_thread")]
async fn every_service_takes_compressed_messages() {
    let system = TestSystem::start().await;
    let tenant = system.onboard("Acme").await;
    let mut compressed = HashSet::new();
    for method in methods() {
        let (service, _) = method.strip_prefix('/').unwrap().split_once('/').unwrap();
        let endpoint = Endpoint::from_shared(system.endpoint(server_of(&method)).to_owned()).unwrap();
        let mut client =
            tonic::client::Grpc::new(endpoint.connect_lazy()).send_compressed(CompressionEncoding::Gzip);
        client.ready().await.unwrap();
        let mut request = Request::new(());
        let bearer = format!("Bearer {}", tenant.token);
        request.metadata_mut().insert("authorization", MetadataValue::try_from(bearer).unwrap());
        let codec = ProstCodec::<(), ()>::default();
        match client.server_streaming(request, method.parse().unwrap(), codec).await {
            Ok(_) => {
                compressed.insert(service.to_owned());
            }
            Err(refused) => assert_ne!(refused.code(), Code::Unimplemented, "{method}: {refused}"),
        }
    }
    assert!(compressed.len() >= 8, "{compressed:?}");
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_address_answers_without_a_token_or_for_another_tenant() {
    let system = TestSystem::start().await;
    let tenant = system.onboard("Acme").await;
    let base = system.gateway_url();
    let http = Client::new();
    let document: Value =
        http.get(format!("{base}/openapi.json")).send().await.unwrap().json().await.unwrap();
    let mut tried = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (name, operation) in item.as_object().unwrap() {
            let ways = operation["security"].as_array().map(Vec::as_slice).unwrap_or_default();
            if !ways.iter().any(|way| way.get("bearer").is_some()) {
                continue;
            }
            let what = format!("{name} {path}");
            let method: Method = name.to_uppercase().parse().unwrap();
            let url = format!("{base}{}", path.replace("{id}", MISSING));
            let ask = || {
                let request = http.request(method.clone(), &url);
                if operation.get("requestBody").is_some() { request.json(&json!({})) } else { request }
            };
            let code = async |request: reqwest::RequestBuilder, status: StatusCode| {
                let answer = request.send().await.unwrap();
                assert_eq!(answer.status(), status, "{what}");
                answer.json::<Value>().await.unwrap()["code"].clone()
            };
            if !ways.contains(&json!({})) {
                assert_eq!(code(ask(), StatusCode::UNAUTHORIZED).await, "token_missing", "{what}");
                let named = ask().header("x-tenant-id", &tenant.id);
                assert_eq!(code(named, StatusCode::UNAUTHORIZED).await, "token_missing", "{what}");
            }
            let wrong = ask().bearer_auth("x.y.z");
            assert_eq!(code(wrong, StatusCode::UNAUTHORIZED).await, "token_invalid", "{what}");
            let foreign = ask().bearer_auth(&tenant.token).header("x-tenant-id", MISSING);
            assert_eq!(code(foreign, StatusCode::FORBIDDEN).await, "tenant_mismatch", "{what}");
            tried += 1;
        }
    }
    assert!(tried >= 35, "only {tried} operations were tried");
    system.shutdown().await;
}
