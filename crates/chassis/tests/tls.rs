//! Calls over TLS between real sockets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;
use std::time::Duration;

use rowhouse_chassis::client::Client;
use rowhouse_chassis::config::{CallTlsArgs, Environment, ServerTlsArgs, TlsArgs};
use rowhouse_chassis::grpc::{GrpcOptions, Peer, TracedChannel, channel, channel_over};
use rowhouse_chassis::tls::{CallTls, ServerTls};
use rowhouse_testkit::CertificateAuthority;
use support::{Echo, Running, call, options, start};
use tempfile::TempDir;
use tonic::{Code, Request, Response};

/// The certificates of a test, one authority for both sides.
struct Files {
    directory: TempDir,
    authority: CertificateAuthority,
}

impl Files {
    /// Writes the authority, the certificate of a service called `localhost`, and that of its caller.
    fn new() -> Self {
        let files = Self { directory: tempfile::tempdir().unwrap(), authority: CertificateAuthority::new() };
        files.trust(&files.authority);
        files.authority.issue(&["localhost"]).write(files.directory.path(), "service");
        files.authority.issue(&["rowhouse-gateway"]).write(files.directory.path(), "caller");
        files
    }

    fn trust(&self, authority: &CertificateAuthority) {
        fs::write(self.directory.path().join("ca.crt"), authority.pem()).unwrap();
    }

    fn identity(&self, name: &str) -> TlsArgs {
        let file = |extension: &str| Some(self.directory.path().join(format!("{name}.{extension}")));
        TlsArgs { tls_certificate: file("crt"), tls_key: file("key"), ..TlsArgs::default() }
    }

    fn ca(&self) -> std::path::PathBuf {
        self.directory.path().join("ca.crt")
    }

    /// Returns the arguments of a server that wants a certificate of its callers.
    fn mutual(&self) -> ServerTlsArgs {
        ServerTlsArgs {
            tls: self.identity("service"),
            tls_client_ca: Some(self.ca()),
            ..ServerTlsArgs::default()
        }
    }

    /// Returns a channel to `localhost`, with the certificate of `name` if there is one.
    fn channel(&self, server: &Running, name: Option<&str>) -> TracedChannel {
        let own = name.map(|name| self.identity(name)).unwrap_or_default();
        let calls = CallTls::new(&own, &CallTlsArgs { tls_ca: Some(self.ca()) }, Environment::Production);
        channel_over(&format!("https://localhost:{}", server.address.port()), &calls).unwrap()
    }
}

async fn serve(args: &ServerTlsArgs) -> Running {
    let tls = ServerTls::load(args).await.unwrap();
    if let Some(tls) = tls.clone() {
        tokio::spawn(tls.follow());
    }
    let echo = Echo::default().method("Echo", async |request: Request<String>| {
        let peer = *request.extensions().get::<Peer>().unwrap();
        let client = Client::of(&request).address.unwrap();
        Ok(Response::new(format!("{} {client}", peer.is_verified)))
    });
    start(GrpcOptions { tls, ..options().await }, echo)
}

/// Calls with a forged origin. Returns the answer, which says whether the caller is verified and whom it is taken for.
async fn ask(channel: &TracedChannel) -> Result<String, Code> {
    let mut request = Request::new(String::new());
    request.metadata_mut().insert("x-forwarded-for", "198.51.100.7".parse().unwrap());
    let answer = tokio::time::timeout(Duration::from_secs(20), call(channel, "Echo", request)).await.unwrap();
    answer.map(Response::into_inner).map_err(|status| status.code())
}

/// Waits until a new connection gets the answer.
async fn until(expected: Result<&str, Code>, connect: impl Fn() -> TracedChannel) {
    let comes = async {
        while ask(&connect()).await.as_deref().map_err(|code| *code) != expected {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), comes).await.unwrap();
}

#[tokio::test]
async fn the_servers_certificate_and_name_are_verified() {
    let files = Files::new();
    let server = serve(&ServerTlsArgs { tls: files.identity("service"), ..ServerTlsArgs::default() }).await;
    let channel = files.channel(&server, None);
    assert_eq!(ask(&channel).await.unwrap(), "false 127.0.0.1");

    let own = CallTlsArgs { tls_ca: Some(files.ca()) };
    let by_address = CallTls::new(&TlsArgs::default(), &own, Environment::Production);
    let another_name = channel_over(&format!("https://{}", server.address), &by_address).unwrap();
    assert_eq!(ask(&another_name).await, Err(Code::Unavailable));
    // A test's authority is none of the system's.
    let of_the_system =
        channel_over(&format!("https://localhost:{}", server.address.port()), &CallTls::default()).unwrap();
    assert_eq!(ask(&of_the_system).await, Err(Code::Unavailable));
    let plaintext = call(&server.channel, "Echo", Request::new(String::new())).await;
    assert_eq!(plaintext.unwrap_err().code(), Code::Unavailable);
    server.stop().await;
}

#[tokio::test]
async fn a_caller_proves_who_it_is_and_is_trusted_then() {
    let files = Files::new();
    let stranger = CertificateAuthority::new();
    stranger.issue(&["rowhouse-gateway"]).write(files.directory.path(), "stranger");
    let server = serve(&files.mutual()).await;
    assert_eq!(ask(&files.channel(&server, Some("caller"))).await.unwrap(), "true 198.51.100.7");
    assert_eq!(ask(&files.channel(&server, None)).await, Err(Code::Unavailable));
    assert_eq!(ask(&files.channel(&server, Some("stranger"))).await, Err(Code::Unavailable));
    server.stop().await;

    let names = vec!["rowhouse-gateway".try_into().unwrap(), "rowhouse-onboarding".try_into().unwrap()];
    let server = serve(&ServerTlsArgs { tls_client_names: names, ..files.mutual() }).await;
    files.authority.issue(&["rowhouse-orders"]).write(files.directory.path(), "orders");
    assert_eq!(ask(&files.channel(&server, Some("caller"))).await.unwrap(), "true 198.51.100.7");
    assert_eq!(ask(&files.channel(&server, Some("orders"))).await, Err(Code::Unavailable));
    server.stop().await;
}

/// Certificates are renewed every few weeks, and authorities every few years.
#[tokio::test]
async fn new_certificates_and_authorities_need_no_restart() {
    let files = Files::new();
    let server = serve(&files.mutual()).await;
    let open = files.channel(&server, Some("caller"));
    assert!(ask(&open).await.is_ok());

    let next = CertificateAuthority::new();
    next.issue(&["localhost"]).write(files.directory.path(), "service");
    next.issue(&["rowhouse-gateway"]).write(files.directory.path(), "renewed");
    // While the server's files contradict each other, it continues with those before.
    fs::write(files.directory.path().join("service.key"), "half a key").unwrap();
    assert!(ask(&files.channel(&server, Some("caller"))).await.is_ok());
    next.issue(&["localhost"]).write(files.directory.path(), "service");
    files.trust(&next);
    until(Ok("true 198.51.100.7"), || files.channel(&server, Some("renewed"))).await;
    until(Err(Code::Unavailable), || files.channel(&server, Some("caller"))).await;
    // Connections that are open last.
    assert!(ask(&open).await.is_ok());
    server.stop().await;
}

/// A peer that says nothing delays nobody else.
#[tokio::test]
async fn a_handshake_that_does_not_end_blocks_no_other() {
    let files = Files::new();
    let server = serve(&files.mutual()).await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(tokio::net::TcpStream::connect(server.address).await.unwrap());
    }
    assert!(ask(&files.channel(&server, Some("caller"))).await.is_ok());
    server.stop().await;
}

#[tokio::test]
async fn what_cannot_work_is_reported_at_the_start() {
    let files = Files::new();
    let with = |tls: TlsArgs| ServerTlsArgs { tls, ..files.mutual() };
    for (args, part) in [
        (
            with(TlsArgs { tls_key: files.identity("caller").tls_key, ..files.identity("service") }),
            "does not belong",
        ),
        (with(files.identity("missing")), "missing.crt"),
        (ServerTlsArgs { tls_client_ca: Some(Path::new("/nowhere").into()), ..files.mutual() }, "/nowhere"),
    ] {
        let error = ServerTls::load(&args).await.err().unwrap().to_string();
        assert!(error.contains(part), "{error}");
    }
    let production = CallTls::new(&TlsArgs::default(), &CallTlsArgs::default(), Environment::Production);
    let error = channel_over("http://orders:50053", &production).unwrap_err().to_string();
    assert!(error.contains("https://host:port") && error.contains("--allow-plaintext-grpc"), "{error}");
    assert!(channel_over("http://localhost:50053", &production).is_ok());
    assert!(channel("http://orders:50053").is_ok());
}
