//! Reflection of both versions, over a real socket.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs;

use prost::Message;
use support::{Echo, options, start};
use tonic::{Code, Request, Status};

/// A definition with a service that the server has, and one that another server has.
const DEFINITION: &str = r#"
    syntax = "proto3";
    package test.v1;
    service EchoService { rpc Echo(Text) returns (Text); }
    service OtherService { rpc Other(Text) returns (Text); }
    message Text { string text = 1; }
"#;

fn descriptors() -> &'static [u8] {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("test.proto"), DEFINITION).unwrap();
    protox::compile(["test.proto"], [directory.path()]).unwrap().encode_to_vec().leak()
}

/// Returns the names that a server lists by this version of the protocol.
macro_rules! listed {
    ($version:ident, $channel:expr) => {
        async {
            use tonic_reflection::pb::$version::ServerReflectionRequest;
            use tonic_reflection::pb::$version::server_reflection_client::ServerReflectionClient;
            use tonic_reflection::pb::$version::server_reflection_request::MessageRequest;
            use tonic_reflection::pb::$version::server_reflection_response::MessageResponse;

            let list = Some(MessageRequest::ListServices(String::new()));
            let requests =
                tokio_stream::once(ServerReflectionRequest { host: String::new(), message_request: list });
            let mut client = ServerReflectionClient::new($channel.clone());
            let mut answers = client.server_reflection_info(Request::new(requests)).await?.into_inner();
            let answer = answers.message().await?.unwrap().message_response.unwrap();
            let MessageResponse::ListServicesResponse(listed) = answer else { panic!("{answer:?}") };
            let mut names: Vec<_> = listed.service.into_iter().map(|service| service.name).collect();
            names.sort();
            Ok::<_, Status>(names)
        }
    };
}

#[tokio::test]
async fn a_server_lists_its_own_services_only() {
    let mut options = options().await;
    options.reflection = Some(descriptors());
    let server = start(options, Echo::default());
    let own = ["grpc.health.v1.Health", "test.v1.EchoService"];
    assert_eq!(listed!(v1, server.channel).await.unwrap(), own);
    assert_eq!(listed!(v1alpha, server.channel).await.unwrap(), own);
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_does_not_offer_reflection_lists_nothing() {
    let server = start(options().await, Echo::default());
    assert_eq!(listed!(v1, server.channel).await.unwrap_err().code(), Code::Unimplemented);
    assert_eq!(listed!(v1alpha, server.channel).await.unwrap_err().code(), Code::Unimplemented);
    server.stop().await;
}
