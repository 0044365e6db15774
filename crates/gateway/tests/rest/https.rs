//! HTTPS that the gateway serves itself, and the header that demands it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rowhouse_gateway::HttpTlsArgs;
use rowhouse_testkit::CertificateAuthority;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::alone::Served;

const HSTS: &str = "strict-transport-security";

/// Requests a path over TLS as a client that trusts only the authority, and returns the answer as it was sent.
async fn get(address: SocketAddr, path: &str, authority: &CertificateAuthority) -> io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(rowhouse_chassis::tls::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = TcpStream::connect(address).await?;
    let name = "localhost".try_into().unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, tcp).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn the_gateway_serves_https_with_the_certificate_of_the_moment() {
    let directory = tempfile::tempdir().unwrap();
    let (first, second) = (CertificateAuthority::new(), CertificateAuthority::new());
    let (certificate, key) = first.issue(&["localhost"]).write(directory.path(), "gateway");
    let gateway = Served::with(|config| {
        config.http_tls = HttpTlsArgs {
            http_tls_certificate: Some(certificate),
            http_tls_key: Some(key),
            ..HttpTlsArgs::default()
        };
    })
    .await;
    let address = gateway.address;
    let answer = get(address, "/healthz", &first).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("strict-transport-security: max-age=31536000\r\n"), "{answer}");
    assert!(get(address, "/healthz", &second).await.is_err(), "another authority");
    let plain = reqwest::get(format!("http://{address}/healthz")).await;
    assert!(plain.is_err(), "{plain:?}");

    second.issue(&["localhost"]).write(directory.path(), "gateway");
    let comes = async {
        while get(address, "/healthz", &second).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), comes).await.unwrap();
    gateway.stop().await;
}

#[tokio::test]
async fn hsts_is_sent_only_if_clients_come_by_https() {
    for (behind_tls, path) in [(true, "/healthz"), (true, "/v1/me"), (true, "/nowhere"), (false, "/healthz")]
    {
        let gateway = Served::with(|config| config.http_tls.behind_tls = behind_tls).await;
        let answer = reqwest::get(format!("http://{}{path}", gateway.address)).await.unwrap();
        assert_eq!(answer.headers().contains_key(HSTS), behind_tls, "{path}");
        gateway.stop().await;
    }
}
