use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use rowhouse_testkit::own_address;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

/// A resolver that resolves every name to this machine.
struct Here;

impl Resolve for Here {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Ok(vec![Ipv4Addr::LOCALHOST.into()])
    }
}

fn sender(guard: Guard, roots: RootCertStore) -> Sender<Here> {
    Sender::with(Here, guard, roots).unwrap()
}

fn message() -> Message {
    Message {
        id: "an-id".to_owned(),
        timestamp: 1_614_265_330,
        signature: "v1,abc".to_owned(),
        body: "{\"a\":1}".to_owned(),
        trace_parent: None,
    }
}

fn target(url: &str) -> Target {
    Target::parse(url, Guard::Open).unwrap()
}

/// Reads a request's head and the body of [`message`].
async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut request = Vec::new();
    while !request.ends_with(message().body.as_bytes()) {
        let mut buffer = [0; 1024];
        let read = stream.read(&mut buffer).await.unwrap();
        assert_ne!(read, 0, "it ended in the middle of {}", String::from_utf8_lossy(&request));
        request.extend_from_slice(&buffer[..read]);
    }
    String::from_utf8(request).unwrap()
}

/// Answers one request with these bytes and keeps the connection open. Returns the request and the result.
async fn answered(answer: &'static [u8]) -> (String, Result<Answer, SendError>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://hooks.example:{}/a?b=c", listener.local_addr().unwrap().port());
    let receiver = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = read_request(&mut stream).await;
        stream.write_all(answer).await.unwrap();
        (request, stream)
    });
    let sent = sender(Guard::Open, RootCertStore::empty()).send(&target(&url), &message()).await;
    (receiver.await.unwrap().0, sent)
}

#[tokio::test]
async fn a_delivery_is_a_signed_post() {
    let (request, answer) = answered(b"HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(answer, Ok(Answer { status: StatusCode::NO_CONTENT, retry_after: None }));
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, message().body);
    let head = head.to_ascii_lowercase();
    assert!(head.starts_with("post /a?b=c http/1.1\r\nhost: hooks.example:"), "{head}");
    for header in [
        "webhook-id: an-id",
        "webhook-timestamp: 1614265330",
        "webhook-signature: v1,abc",
        "content-type: application/json",
        "content-length: 7",
        "user-agent: rowhouse-webhooks/",
    ] {
        assert!(head.contains(&format!("\r\n{header}")), "{header} is not in {head}");
    }
}

#[tokio::test]
async fn the_wish_to_be_left_alone_is_heard() {
    for (header, expected) in [
        ("Retry-After: 120", Some(120)),
        ("retry-after:  0 ", Some(0)),
        ("Retry-After: Fri, 31 Dec 1999 23:59:59 GMT", Some(0)),
        ("Retry-After: Fri, 31 Dec 1999", None),
        ("Retry-After: -1", None),
        ("X-Retry-After: 1", None),
    ] {
        let answer = format!("HTTP/1.1 503 Service Unavailable\r\n{header}\r\nContent-Length: 0\r\n\r\n");
        let (_, answer) = answered(answer.leak().as_bytes()).await;
        let expected = Answer {
            status: StatusCode::SERVICE_UNAVAILABLE,
            retry_after: expected.map(Duration::from_secs),
        };
        assert_eq!(answer, Ok(expected), "{header}");
    }
}

#[tokio::test]
async fn invalid_answers() {
    for answer in [&b""[..], b"hello\r\n", b"HTTP/1.1 2000 OK\r\n\r\n", b"\x16\x03\x01\x00\x05"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://127.0.0.1:{}/", listener.local_addr().unwrap().port());
        let receiver = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_request(&mut stream).await;
            stream.write_all(answer).await.unwrap();
        });
        let sent = sender(Guard::Open, RootCertStore::empty()).send(&target(&url), &message()).await;
        assert_eq!(sent, Err(SendError::NoAnswer), "{answer:?}");
        receiver.await.unwrap();
    }
    let closed = own_address();
    let sent = sender(Guard::Open, RootCertStore::empty());
    let sent = sent.send(&target(&format!("http://{closed}/")), &message()).await;
    assert_eq!(sent, Err(SendError::Connect));
}

#[tokio::test]
async fn a_head_without_an_end_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://127.0.0.1:{}/", listener.local_addr().unwrap().port());
    let receiver = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        let mut written = 0;
        stream.write_all(b"HTTP/1.1 200 OK\r\n").await.unwrap();
        while stream.write_all(b"x-filler: 0123456789abcdef\r\n").await.is_ok() {
            written += 1;
        }
        written
    });
    let sent = sender(Guard::Open, RootCertStore::empty()).send(&target(&url), &message()).await;
    assert_eq!(sent, Err(SendError::NoAnswer));
    // The receiver ended because the sender closed the connection.
    receiver.await.unwrap();
}

/// The status is known before, and the rest of the body is not awaited.
#[tokio::test]
async fn an_endless_body_is_cut() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://127.0.0.1:{}/", listener.local_addr().unwrap().port());
    let receiver = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await.unwrap();
        while stream.write_all(b"400\r\n").await.is_ok()
            && stream.write_all(&[b'x'; 0x400]).await.is_ok()
            && stream.write_all(b"\r\n").await.is_ok()
        {}
    });
    let begun = Instant::now();
    let sent = sender(Guard::Open, RootCertStore::empty()).send(&target(&url), &message()).await;
    assert_eq!(sent.unwrap().status, StatusCode::OK);
    assert!(begun.elapsed() < Duration::from_secs(5));
    receiver.await.unwrap();
}

#[tokio::test]
async fn an_attempt_at_a_receiver_that_never_answers_times_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://127.0.0.1:{}/", listener.local_addr().unwrap().port());
    let impatient =
        Sender { limit: Duration::from_millis(100), ..sender(Guard::Open, RootCertStore::empty()) };
    assert_eq!(impatient.send(&target(&url), &message()).await, Err(SendError::TimedOut));
    drop(listener);
}

/// The name is allowed and its address is not: there is no connection.
#[tokio::test]
async fn a_name_that_leads_inside_is_not_connected_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let guarded = sender(Guard::PublicOnly, RootCertStore::empty());
    for url in [
        format!("https://hooks.example:{port}/"),
        format!("http://hooks.example:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        format!("https://[::ffff:7f00:1]:{port}/"),
        format!("https://2130706433:{port}/"),
        format!("https://localhost:{port}/"),
    ] {
        assert_eq!(guarded.send(&target(&url), &message()).await, Err(SendError::NotAllowed), "{url}");
    }
    assert!(timeout(Duration::ZERO, listener.accept()).await.is_err(), "somebody connected");
}

/// Creates a certificate for the name, and its authority.
fn certificate(name: &str) -> (Arc<ServerConfig>, RootCertStore) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    (Arc::new(config), roots)
}

#[tokio::test]
async fn tls_believes_the_authorities_and_the_name_alone() {
    let (config, roots) = certificate("hooks.example");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let receiver = tokio::spawn(async move {
        let acceptor = TlsAcceptor::from(config);
        let mut requests = Vec::new();
        for _ in 0..3 {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            requests.push(read_request(&mut stream).await);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
            stream.shutdown().await.unwrap();
        }
        requests
    });
    let good = target(&format!("https://hooks.example:{port}/"));
    let other_name = target(&format!("https://other.example:{port}/"));
    let trusting = sender(Guard::Open, roots);
    assert_eq!(trusting.send(&good, &message()).await.unwrap().status, StatusCode::OK);
    assert_eq!(trusting.send(&other_name, &message()).await, Err(SendError::Tls));
    let distrusting =
        Sender::with(Here, Guard::Open, webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect());
    assert_eq!(distrusting.unwrap().send(&good, &message()).await, Err(SendError::Tls));
    assert_eq!(receiver.await.unwrap().len(), 1);
}

#[test]
fn errors_for_tenants_reveal_no_internals() {
    for error in [
        SendError::NotAllowed,
        SendError::Unresolved,
        SendError::Connect,
        SendError::Tls,
        SendError::NoAnswer,
        SendError::TimedOut,
        SendError::Request,
    ] {
        let text = error.to_string();
        assert!(!text.contains("127.") && !text.contains("os error"), "{text}");
        assert!((1..=500).contains(&text.len()));
    }
}

#[test]
fn a_wish_is_seconds_or_a_date() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    for (text, seconds) in [
        ("120", Some(120)),
        // The three forms of RFC 9110, one minute from now.
        ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
        ("Sunday, 06-Nov-94 08:50:37 GMT", Some(60)),
        ("Sun Nov  6 08:50:37 1994", Some(60)),
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
        ("Sat, 05 Nov 1994 08:49:37 GMT", Some(0)),
        ("1.5", None),
        ("soon", None),
        ("", None),
    ] {
        assert_eq!(parse_retry_after(text, now), seconds.map(Duration::from_secs), "{text}");
    }
}
