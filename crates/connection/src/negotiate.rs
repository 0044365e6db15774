//! The beginning of a connection: whether it is encrypted, and the stream that preserves each error's SQLSTATE.

use std::error::Error as StdError;
use std::io;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_postgres::Socket;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::stream::SqlStateStream;

type BoxError = Box<dyn StdError + Send + Sync>;

/// PostgreSQL's `SSLRequest`: its length, and the code that is no protocol version.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
/// The answer of a server that goes on with TLS.
const OFFERED: u8 = b'S';

/// The reason why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsFailure {
    #[error("the server offers no TLS, and sslmode demands it")]
    NotOffered,
    #[error("the TLS handshake with the server failed: {0}")]
    Handshake(io::Error),
}

/// The beginning of an attempt to connect.
#[derive(Clone)]
pub(crate) enum Negotiation {
    /// Without TLS.
    Plaintext,
    /// With TLS if the server offers it.
    IfOffered(MakeRustlsConnect),
    /// With TLS.
    Tls(MakeRustlsConnect),
    /// With TLS from the first byte (`sslnegotiation=direct`).
    Direct(MakeRustlsConnect),
}

/// tokio-postgres is told to use TLS without a request, so that it passes every socket through here.
impl MakeTlsConnect<Socket> for Negotiation {
    type Stream = SqlStateStream;
    type TlsConnect = NegotiationWith;
    type Error = BoxError;

    fn make_tls_connect(&mut self, domain: &str) -> Result<NegotiationWith, BoxError> {
        Ok(NegotiationWith { negotiation: self.clone(), domain: domain.to_owned() })
    }
}

/// A negotiation with one host.
pub(crate) struct NegotiationWith {
    negotiation: Negotiation,
    domain: String,
}

impl TlsConnect<Socket> for NegotiationWith {
    type Stream = SqlStateStream;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<SqlStateStream, BoxError>>;

    fn connect(self, mut socket: Socket) -> Self::Future {
        async move {
            let mut tls = match self.negotiation {
                Negotiation::Direct(tls) => tls,
                Negotiation::IfOffered(tls) if offered(&mut socket).await? => tls,
                Negotiation::Plaintext | Negotiation::IfOffered(_) => {
                    return Ok(SqlStateStream::new(socket, ChannelBinding::none()));
                }
                Negotiation::Tls(tls) if offered(&mut socket).await? => tls,
                Negotiation::Tls(_) => return Err(TlsFailure::NotOffered.into()),
            };
            let tls = MakeTlsConnect::<Socket>::make_tls_connect(&mut tls, &self.domain)?;
            let stream = tls.connect(socket).await.map_err(|error| match error.kind() {
                // This is what rustls' own errors are.
                io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                    BoxError::from(TlsFailure::Handshake(error))
                }
                _ => error.into(),
            })?;
            let binding = stream.channel_binding();
            Ok(SqlStateStream::new(stream, binding))
        }
        .boxed()
    }
}

/// Asks the server for TLS. Exactly one byte is read, so that nothing that precedes TLS counts as a part of it.
async fn offered(socket: &mut Socket) -> io::Result<bool> {
    socket.write_all(&SSL_REQUEST).await?;
    Ok(socket.read_u8().await? == OFFERED)
}
