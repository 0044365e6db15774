//! A client with one connection.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::Failure;
use crate::report::Operation;
use crate::system::Tenant;
use crate::wrk::{ORDER, path};

/// A request, and where it is sent to.
pub(crate) struct Target {
    server: String,
    request: Request<Full<Bytes>>,
}

impl Target {
    /// Creates the request for an operation.
    pub(crate) fn of(gateway: &str, tenant: &Tenant, operation: Operation) -> Result<Self, Failure> {
        let (method, body) = match operation {
            Operation::Get | Operation::List => (Method::GET, ""),
            Operation::Create => (Method::POST, ORDER),
        };
        Self::new(gateway, tenant, method, &path(operation, tenant, 20), Bytes::from_static(body.as_bytes()))
    }

    /// Creates any request.
    pub(crate) fn new(
        gateway: &str,
        tenant: &Tenant,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Self, Failure> {
        let bearer = format!("Bearer {}", tenant.token);
        Self::with_headers(gateway, &[("authorization", &bearer)], method, path, body)
    }

    /// Creates a POST of a stranger at an address, with an idempotency key.
    pub(crate) fn of_stranger(
        gateway: &str,
        address: &str,
        path: &str,
        body: String,
    ) -> Result<Self, Failure> {
        let key = Uuid::now_v7().to_string();
        let headers = [("x-forwarded-for", address), ("idempotency-key", &key)];
        Self::with_headers(gateway, &headers, Method::POST, path, body.into())
    }

    fn with_headers(
        gateway: &str,
        headers: &[(&str, &str)],
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Self, Failure> {
        let server = gateway.strip_prefix("http://").ok_or("the gateway's address has another scheme")?;
        let request = Request::builder().method(method).uri(path).header("host", server);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let request = request.header("content-type", "application/json").body(Full::from(body))?;
        Ok(Self { server: server.to_owned(), request })
    }
}

/// The answer to a request.
#[derive(Clone, Copy)]
pub(crate) struct Answer {
    /// The status, or 0 if there was no answer.
    pub(crate) status: u16,
    pub(crate) took: Duration,
}

pub(crate) struct Connection {
    target: Arc<Target>,
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    pub(crate) async fn open(target: &Arc<Target>) -> Result<Self, Failure> {
        let stream = TcpStream::connect(&target.server).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // An error of the connection is one of the request as well.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self { target: Arc::clone(target), sender })
    }

    /// Returns whether the server has closed the connection.
    pub(crate) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Lets the next request be another one.
    pub(crate) fn turn_to(&mut self, target: &Arc<Target>) {
        self.target = Arc::clone(target);
    }

    /// Sends the request and reads the whole answer.
    pub(crate) async fn send(&mut self) -> Answer {
        let (answer, _body) = self.fetch().await;
        answer
    }

    /// Sends the request and returns the body of the answer as well.
    pub(crate) async fn fetch(&mut self) -> (Answer, Bytes) {
        let began = Instant::now();
        let (status, body) = self.answer().await.unwrap_or_default();
        (Answer { status, took: began.elapsed() }, body)
    }

    async fn answer(&mut self) -> Result<(u16, Bytes), hyper::Error> {
        self.sender.ready().await?;
        let response = self.sender.send_request(self.target.request.clone()).await?;
        let status = response.status().as_u16();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }
}

/// Lets clients with a connection each ask for as long, each again as soon as it has an answer.
pub(crate) async fn ask(
    targets: &[Arc<Target>],
    clients: usize,
    lasting: Duration,
) -> Result<Vec<Answer>, Failure> {
    let until = Instant::now() + lasting;
    let mut asking = JoinSet::new();
    for target in targets.iter().cycle().take(clients) {
        let mut connection = Connection::open(target).await?;
        asking.spawn(async move {
            let mut answers = Vec::new();
            while Instant::now() < until {
                answers.push(connection.send().await);
            }
            answers
        });
    }
    Ok(asking.join_all().await.concat())
}

/// Lets clients with a connection each send all these requests once.
pub(crate) async fn ask_once(targets: &[Arc<Target>], clients: usize) -> Result<Vec<Answer>, Failure> {
    let mut asking = JoinSet::new();
    for targets in targets.chunks(targets.len().div_ceil(clients).max(1)) {
        let Some(first) = targets.first() else { continue };
        let mut connection = Connection::open(first).await?;
        let targets = targets.to_owned();
        asking.spawn(async move {
            let mut answers = Vec::new();
            for target in &targets {
                connection.turn_to(target);
                answers.push(connection.send().await);
            }
            answers
        });
    }
    Ok(asking.join_all().await.concat())
}
