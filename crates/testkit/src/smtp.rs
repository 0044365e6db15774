//! [`Smtp`], a mail server (RFC 5321) on a loopback port, which stores what it receives.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rowhouse_system::mail_directory::ReceivedEmail;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

const LIMIT: Duration = Duration::from_secs(20);

/// The encryption of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// None.
    None,
    /// It begins when the client requests it.
    StartTls,
    /// It begins with the connection.
    Tls,
}

/// An email as it arrived.
#[derive(Clone)]
pub struct Received {
    /// The sender of the envelope.
    pub from: String,
    /// The recipient of the envelope.
    pub to: String,
    /// True if the connection was encrypted.
    pub encrypted: bool,
    /// True if the client requested SMTPUTF8.
    pub smtputf8: bool,
    /// The client's login, as it was sent.
    pub login: Option<String>,
    /// The headers and the body.
    pub text: String,
}

impl Received {
    /// Returns the email as a person reads it.
    #[must_use]
    pub fn email(&self) -> ReceivedEmail {
        ReceivedEmail::parse(self.text.as_bytes()).unwrap()
    }
}

/// The server's reaction instead of accepting a recipient.
#[derive(Clone, Copy, Debug)]
pub enum Instead {
    /// This answer.
    Answer(&'static str),
    /// No answer.
    Silence,
}

/// The server. Dropping it stops it.
pub struct Smtp {
    /// Its address.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

struct Shared {
    security: Security,
    smtputf8: bool,
    tls: TlsAcceptor,
    received: Mutex<Vec<Received>>,
    instead: Mutex<VecDeque<Instead>>,
    asked: Mutex<usize>,
}

impl Smtp {
    /// Starts a server. Its certificate, for `localhost`, is written to `directory`.
    pub async fn start(security: Security, directory: &Path) -> Self {
        Self::start_as(security, true, directory).await
    }

    /// Starts a server that accepts ASCII addresses only.
    pub async fn without_smtputf8(directory: &Path) -> Self {
        Self::start_as(Security::None, false, directory).await
    }

    async fn start_as(security: Security, smtputf8: bool, directory: &Path) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(certificate(directory), made.cert.pem()).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let shared = Arc::new(Shared {
            security,
            smtputf8,
            tls: TlsAcceptor::from(Arc::new(config)),
            received: Mutex::default(),
            instead: Mutex::default(),
            asked: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Self { address, shared, serving }
    }

    /// Sets the reactions to the next recipients, after which all are accepted.
    pub fn instead(&self, instead: &[Instead]) {
        self.shared.instead.lock().unwrap().extend(instead);
    }

    /// Returns the emails so far.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap().clone()
    }

    /// Returns how many recipients were named so far.
    #[must_use]
    pub fn asked(&self) -> usize {
        *self.shared.asked.lock().unwrap()
    }

    /// Waits for an email to the address.
    pub async fn email_to(&self, address: &str) -> Received {
        let arrives = async {
            loop {
                if let Some(message) = self.received().into_iter().find(|message| message.to == address) {
                    return message;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(LIMIT, arrives).await.unwrap()
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Returns the path of the server's certificate.
#[must_use]
pub fn certificate(directory: &Path) -> PathBuf {
    directory.join("smtp.pem")
}

trait Stream: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Stream for T {}
type Connection = BufReader<Pin<Box<dyn Stream>>>;

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let shared = Arc::clone(&shared);
        // A client that disconnects, or rejects the certificate, ends only its own connection.
        tokio::spawn(async move { converse(stream, &shared).await });
    }
}

async fn converse(stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut encrypted = shared.security == Security::Tls;
    let stream: Pin<Box<dyn Stream>> =
        if encrypted { Box::pin(shared.tls.accept(stream).await?) } else { Box::pin(stream) };
    let mut stream: Connection = BufReader::new(stream);
    say(&mut stream, "220 loopback").await?;
    let (mut from, mut to, mut login) = (String::new(), String::new(), None);
    let mut smtputf8 = false;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let line = line.trim_end();
        let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" => {
                let extension = if shared.security == Security::StartTls && !encrypted {
                    "STARTTLS"
                } else {
                    "AUTH PLAIN"
                };
                let utf8 = if shared.smtputf8 { "250-SMTPUTF8\r\n" } else { "" };
                say(&mut stream, &format!("250-loopback\r\n250-8BITMIME\r\n{utf8}250 {extension}")).await?;
            }
            "STARTTLS" => {
                say(&mut stream, "220 go ahead").await?;
                let inner = stream.into_inner();
                let inner: Pin<Box<dyn Stream>> = Box::pin(shared.tls.accept(inner).await?);
                stream = BufReader::new(inner);
                encrypted = true;
            }
            "AUTH" => {
                login = line.split(' ').nth(2).map(str::to_owned);
                say(&mut stream, "235 welcome").await?;
            }
            "MAIL" => {
                from = between(line);
                smtputf8 = line.ends_with(" SMTPUTF8") || line.contains(" SMTPUTF8 ");
                say(&mut stream, "250 go on").await?;
            }
            "RCPT" => {
                to = between(line);
                *shared.asked.lock().unwrap() += 1;
                let instead = shared.instead.lock().unwrap().pop_front();
                match instead {
                    None => say(&mut stream, "250 go on").await?,
                    Some(Instead::Answer(answer)) => say(&mut stream, answer).await?,
                    Some(Instead::Silence) => std::future::pending().await,
                }
            }
            "DATA" => {
                say(&mut stream, "354 go on").await?;
                let text = data(&mut stream).await?;
                let (from, to, login) = (from.clone(), to.clone(), login.clone());
                shared.received.lock().unwrap().push(Received { from, to, encrypted, smtputf8, login, text });
                say(&mut stream, "250 taken").await?;
            }
            "QUIT" => return say(&mut stream, "221 bye").await,
            _ => say(&mut stream, "250 fine").await?,
        }
    }
}

async fn say(stream: &mut Connection, line: &str) -> std::io::Result<()> {
    stream.write_all(format!("{line}\r\n").as_bytes()).await?;
    stream.flush().await
}

/// Reads up to the line with a single dot; a doubled dot becomes a single one.
async fn data(stream: &mut Connection) -> std::io::Result<String> {
    let mut text = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 || line == ".\r\n" {
            return Ok(text);
        }
        text.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}

fn between(line: &str) -> String {
    let (_, rest) = line.split_once('<').unwrap();
    rest.split_once('>').unwrap().0.to_owned()
}
