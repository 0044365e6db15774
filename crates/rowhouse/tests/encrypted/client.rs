//! [`Client`], a tenant's owner, who reaches the gateway by HTTPS.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use reqwest::{Method, RequestBuilder};
use rowhouse_testkit::until;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use crate::files::Files;
use crate::world::World;

const EMAIL: &str = "ada@acme.example";
const PASSWORD: &str = "correct horse battery";

#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    /// The near end of a tunnel whose far end speaks TLS with the gateway.
    tunnel: SocketAddr,
    token: String,
}

impl Client {
    /// Makes a client that trusts the authorities of the files at this moment.
    pub(crate) async fn of(world: &World, files: &Files) -> Self {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(files.ca()).unwrap() {
            roots.add(certificate.unwrap()).unwrap();
        }
        let config = ClientConfig::builder_with_provider(rowhouse_chassis::tls::provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let tunnel = dig(world.gateway(), TlsConnector::from(Arc::new(config))).await;
        // Certificates that change are seen by new connections.
        let http = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
        Self { http, tunnel, token: String::new() }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("http://{}{path}", self.tunnel));
        if self.token.is_empty() { request } else { request.bearer_auth(&self.token) }
    }

    async fn succeed(&self, request: RequestBuilder) -> String {
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{status}: {text}");
        text
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        serde_json::from_str(&self.succeed(self.request(Method::POST, path).json(body)).await).unwrap()
    }

    pub(crate) async fn health(&self) -> reqwest::Result<()> {
        self.request(Method::GET, "/healthz").send().await?.error_for_status().map(drop)
    }

    /// Creates the tenant, and logs in.
    pub(crate) async fn sign_up(&mut self) {
        let admin = json!({ "email": EMAIL, "password": PASSWORD });
        let made = self.post("/v1/tenants", &json!({ "name": "Acme", "admin": admin })).await;
        if let Some(token) = made["status_token"].as_str() {
            let path = format!("/v1/tenants/{}", made["tenant"]["id"].as_str().unwrap());
            token.clone_into(&mut self.token);
            until(async || {
                self.succeed(self.request(Method::GET, &path)).await.contains(r#""status":"active""#)
            })
            .await;
        }
        self.log_in().await;
    }

    pub(crate) async fn log_in(&mut self) {
        let login = json!({ "email": EMAIL, "password": PASSWORD });
        let session = self.post("/v1/auth/login", &login).await;
        session["access_token"].as_str().unwrap().clone_into(&mut self.token);
    }

    fn placing(&self) -> RequestBuilder {
        let lines = json!([{ "sku": "chair", "quantity": 1, "unit_price_minor": 100 }]);
        let order = json!({ "customer": "Alice", "currency": "EUR", "lines": lines });
        self.request(Method::POST, "/v1/orders").json(&order)
    }

    pub(crate) async fn order(&self) {
        self.succeed(self.placing()).await;
    }

    /// Places an order if the service can be reached.
    pub(crate) async fn try_order(&self) -> bool {
        let answer = self.placing().send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status == 201 || status == 503, "{status}: {text}");
        status == 201
    }

    /// Exports all orders, and returns the file, with a line for each.
    pub(crate) async fn export(&self) -> String {
        let made = self.post("/v1/exports", &json!({ "resource": "orders", "format": "jsonl" })).await;
        let path = format!("/v1/exports/{}", made["id"].as_str().unwrap());
        until(async || {
            self.succeed(self.request(Method::GET, &path)).await.contains(r#""status":"succeeded""#)
        })
        .await;
        self.succeed(self.request(Method::GET, &format!("{path}/file"))).await
    }
}

/// Forwards connections to `localhost` at the gateway's port, over TLS.
async fn dig(gateway: SocketAddr, connector: TlsConnector) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let connector = connector.clone();
            tokio::spawn(async move {
                let far = TcpStream::connect(gateway).await.unwrap();
                // A client sees a refused handshake as a connection that ends.
                if let Ok(mut far) = connector.connect("localhost".try_into().unwrap(), far).await {
                    drop(copy_bidirectional(&mut near, &mut far).await);
                }
            });
        }
    });
    address
}
