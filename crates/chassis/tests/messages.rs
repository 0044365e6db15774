//! Messages that are compressed, too large, or malformed, over a real socket.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use http_body_util::Full;
use rowhouse_chassis::error::{Code, DOMAIN, fault};
use rowhouse_chassis::grpc::{COMPRESSION, MAX_REQUEST, TracedChannel};
use support::{Echo, Running, options, start};
use tonic::body::Body;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use tonic_types::StatusExt;
use tower::{Service, ServiceExt};

const ECHO: &str = "/test.v1.EchoService/Echo";

async fn server() -> Running {
    let echo = |request: Request<String>| async move { Ok(Response::new(request.into_inner())) };
    start(options().await, Echo::default().method("Echo", echo))
}

/// Sends bytes in place of a message, compressed as they say that they are.
async fn send(channel: &TracedChannel, encoding: Option<&str>, bytes: Vec<u8>) -> http::Response<Body> {
    let mut request =
        http::Request::post(ECHO).header("content-type", "application/grpc").header("te", "trailers");
    if let Some(encoding) = encoding {
        request = request.header("grpc-encoding", encoding);
    }
    let request = request.body(Body::new(Full::from(bytes))).unwrap();
    channel.clone().ready().await.unwrap().call(request).await.unwrap()
}

fn frame(flag: u8, length: usize, content: &[u8]) -> Vec<u8> {
    let mut frame = vec![flag];
    frame.extend(u32::try_from(length).unwrap().to_be_bytes());
    frame.extend(content);
    frame
}

/// Returns the code of a status that has the details of the error table.
fn code(status: &Status) -> Code {
    let details = status.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("no details: {status:?}"));
    let code = *Code::COMMON.iter().find(|code| code.reason() == info.reason).unwrap();
    assert_eq!((info.domain.as_str(), status.code()), (DOMAIN, code.grpc()), "{status:?}");
    code
}

/// A malformed message is the caller's mistake, not a failure of the service.
#[tokio::test]
async fn a_message_that_is_not_read_is_answered_from_the_table() {
    let server = server().await;
    let text = [0x0a, 2, b'h', b'i'];
    let long = vec![b'x'; MAX_REQUEST + 1];
    for (what, encoding, bytes, expected) in [
        ("no message", None, Vec::new(), Code::INVALID_ARGUMENT),
        ("an invalid message", None, frame(0, 2, &[0xff, 0xff]), Code::INVALID_ARGUMENT),
        ("a message of another type", None, frame(0, 2, &[0x08, 7]), Code::INVALID_ARGUMENT),
        ("a text that is not UTF-8", None, frame(0, 4, &[0x0a, 2, 0xff, 0xfe]), Code::INVALID_ARGUMENT),
        ("an invalid flag", None, frame(7, 4, &text), Code::INVALID_ARGUMENT),
        ("a frame that ends early", None, frame(0, 100, &text), Code::INVALID_ARGUMENT),
        ("a compressed frame without an encoding", None, frame(1, 4, &text), Code::INVALID_ARGUMENT),
        ("broken compression", Some("gzip"), frame(1, 4, &text), Code::INVALID_ARGUMENT),
        ("a long message", None, frame(0, long.len(), &long), Code::BODY_TOO_LARGE),
        ("a long compressed message", Some("gzip"), frame(1, long.len(), &long), Code::BODY_TOO_LARGE),
        ("an announced long message", None, frame(0, long.len(), &text), Code::BODY_TOO_LARGE),
        ("an announced long compressed one", Some("gzip"), frame(1, long.len(), &text), Code::BODY_TOO_LARGE),
        ("another compression", Some("snappy"), frame(1, 4, &text), Code::UNSUPPORTED_ENCODING),
    ] {
        let answer = send(&server.channel, encoding, bytes).await;
        let status =
            Status::from_header_map(answer.headers()).unwrap_or_else(|| panic!("{what} is accepted"));
        assert_eq!(code(&status), expected, "{what}: {status:?}");
        if expected == Code::INVALID_ARGUMENT {
            let detail = fault(&status, Code::COMMON).detail;
            assert!(detail.starts_with("the message cannot be read: "), "{what}: {detail}");
        }
        if expected == Code::BODY_TOO_LARGE {
            assert_eq!(status.message(), "the message is larger than 1 MiB: send less at once", "{what}");
        }
        let accepted = answer.headers().get("grpc-accept-encoding").map(|value| value.to_str().unwrap());
        assert_eq!(accepted, (expected == Code::UNSUPPORTED_ENCODING).then_some("gzip,identity"), "{what}");
    }
    // The same bytes in a valid frame.
    let answer = send(&server.channel, Some("gzip"), frame(0, 4, &text)).await;
    assert_eq!(Status::from_header_map(answer.headers()).map(|status| status.code()), None);
    server.stop().await;
}

/// A status without details that is not about the message is a failure of the service, whose text is for its log.
#[tokio::test]
async fn a_failure_without_details_stays_internal() {
    let fail = |_: Request<String>| async { Err(Status::internal("the index of acme is broken")) };
    let exhaust = |_: Request<String>| async { Err(Status::resource_exhausted("no more today")) };
    let echo = Echo::default().method("Refuse", fail).method("Wait", exhaust);
    let server = start(options().await, echo);
    let failed = server.call("Refuse", "").await.unwrap_err();
    assert_eq!(code(&failed), Code::INTERNAL);
    assert!(!format!("{failed:?}").contains("acme"), "{failed:?}");
    let exhausted = server.call("Wait", "").await.unwrap_err();
    assert_eq!(fault(&exhausted, Code::COMMON).code, Code::RESOURCE_EXHAUSTED);
    server.stop().await;
}

#[tokio::test]
async fn requests_may_be_compressed_and_are_limited_when_decompressed() {
    let server = server().await;
    let echo = async |length| {
        let mut grpc = tonic::client::Grpc::new(server.channel.clone())
            .send_compressed(COMPRESSION)
            .accept_compressed(COMPRESSION);
        grpc.ready().await.unwrap();
        let codec = ProstCodec::<String, String>::default();
        grpc.unary(Request::new("x".repeat(length)), ECHO.parse().unwrap(), codec).await
    };
    // With the tag and the length of the text.
    let longest = MAX_REQUEST - 4;
    let answer = echo(longest).await.unwrap();
    // An answer is not, also to a client that accepts it.
    assert!(!answer.metadata().contains_key("grpc-encoding"), "{answer:?}");
    assert_eq!(answer.into_inner().len(), longest);
    // These take some kilobytes on the wire.
    for length in [longest + 1, 3 * MAX_REQUEST] {
        assert_eq!(code(&echo(length).await.unwrap_err()), Code::BODY_TOO_LARGE, "{length}");
    }
    server.stop().await;
}
