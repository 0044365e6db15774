//! [`Receiver`], a tenant's own system, which receives webhooks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A request that was received.
#[derive(Clone, Debug)]
pub struct Received {
    /// The path and query.
    pub path: String,
    /// The headers, by lower-case name.
    pub headers: HashMap<String, String>,
    /// The body.
    pub body: String,
}

impl Received {
    /// Returns the event's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    /// Returns the body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Returns the order's id and version.
    #[must_use]
    pub fn order(&self) -> (String, i64) {
        let order = &self.json()["data"];
        (order["id"].as_str().unwrap().to_owned(), order["version"].as_i64().unwrap())
    }

    /// Verifies the signature as a receiver does.
    #[must_use]
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let key = BASE64_STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let signed = format!("{}.{}.{}", self.id(), self.headers["webhook-timestamp"], self.body);
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&key).unwrap().chain_update(signed);
        self.headers["webhook-signature"].split(' ').any(|signature| {
            let Some(signature) = signature.strip_prefix("v1,") else { return false };
            mac.clone().verify_slice(&BASE64_STANDARD.decode(signature).unwrap()).is_ok()
        })
    }
}

/// Returns the head of an answer, after `HTTP/1.1 `. An empty one means no answer on an open connection.
type Answers = dyn FnMut(&Received) -> String + Send;

/// Listens on a socket of its own until it is dropped.
pub struct Receiver {
    /// The URL of its endpoint.
    pub url: String,
    received: Arc<watch::Sender<Vec<Received>>>,
    answers: Arc<Mutex<Box<Answers>>>,
    listening: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Receiver {
    /// Starts a receiver that answers `200 OK`.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks?of=acme", listener.local_addr().unwrap());
        let received = Arc::new(watch::Sender::new(Vec::new()));
        let answers: Arc<Mutex<Box<Answers>>> = Arc::new(Mutex::new(Box::new(|_| "200 OK".to_owned())));
        let (log, answer) = (Arc::clone(&received), Arc::clone(&answers));
        let listening = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                tokio::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    let Some(request) = read(&mut stream).await else { return };
                    let head = answer.lock().unwrap()(&request);
                    log.send_modify(|log| log.push(request));
                    if head.is_empty() {
                        // Until the other side disconnects.
                        drop(stream.read(&mut [0]).await);
                    } else {
                        let answer = format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\n\r\n");
                        drop(stream.write_all(answer.as_bytes()).await);
                    }
                });
            }
        });
        Self { url, received, answers, listening }
    }

    /// Sets the answers from now on.
    pub fn answer(&self, answers: impl FnMut(&Received) -> String + Send + 'static) {
        *self.answers.lock().unwrap() = Box::new(answers);
    }

    /// Sets the same answer for every request.
    pub fn always(&self, head: &'static str) {
        self.answer(move |_| head.to_owned());
    }

    /// Returns all requests so far.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.received.borrow().clone()
    }

    /// Waits for a number of requests, and returns them.
    pub async fn first(&self, count: usize) -> Vec<Received> {
        let mut received = self.received.subscribe();
        let enough = received.wait_for(|received| received.len() >= count);
        let Ok(enough) = tokio::time::timeout(Duration::from_secs(60), enough).await else {
            panic!("there were not {count} requests, but {:#?}", self.received())
        };
        enough.unwrap()[..count].to_vec()
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Received> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let path = line.strip_prefix("POST ")?.split(' ').next()?.to_owned();
    let mut headers = HashMap::new();
    loop {
        line.clear();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    stream.read_exact(&mut body).await.ok()?;
    Some(Received { path, headers, body: String::from_utf8(body).ok()? })
}
