//! A client with one connection.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::Failure;
use crate::report::Operation;
use crate::system::Tenant;
use crate::wrk::{ORDER, path};

/// A request, and where it is sent to.
pub(super) struct Target {
    server: String,
    request: Request<Full<Bytes>>,
}

impl Target {
    pub(super) fn of(gateway: &str, tenant: &Tenant, operation: Operation) -> Result<Self, Failure> {
        let server = gateway.strip_prefix("http://").ok_or("the gateway's address has another scheme")?;
        let (method, body) = match operation {
            Operation::Get | Operation::List => (Method::GET, ""),
            Operation::Create => (Method::POST, ORDER),
        };
        let request = Request::builder()
            .method(method)
            .uri(path(operation, tenant, 20))
            .header("host", server)
            .header("authorization", format!("Bearer {}", tenant.token))
            .header("content-type", "application/json")
            .body(Full::from(body))?;
        Ok(Self { server: server.to_owned(), request })
    }
}

/// The answer to a request.
pub(super) struct Answer {
    /// The status, or 0 if there was no answer.
    pub(super) status: u16,
    pub(super) took: Duration,
}

pub(super) struct Connection {
    target: Arc<Target>,
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    pub(super) async fn open(target: &Arc<Target>) -> Result<Self, Failure> {
        let stream = TcpStream::connect(&target.server).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // An error of the connection is one of the request as well.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self { target: Arc::clone(target), sender })
    }

    /// Sends the request and reads the whole answer.
    pub(super) async fn send(&mut self) -> Answer {
        let began = Instant::now();
        let status = self.answer().await.unwrap_or(0);
        Answer { status, took: began.elapsed() }
    }

    async fn answer(&mut self) -> Result<u16, hyper::Error> {
        self.sender.ready().await?;
        let response = self.sender.send_request(self.target.request.clone()).await?;
        let status = response.status().as_u16();
        response.into_body().collect().await?;
        Ok(status)
    }
}
