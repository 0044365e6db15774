//! The connections of a gRPC server, with TLS or without.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tonic::transport::server::{Connected, TcpIncoming};

use crate::network::Network;
use crate::tls::ServerTls;

/// The time limit of a handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// The most handshakes at a time. Further connections wait in the socket's queue.
const HANDSHAKES: usize = 256;

/// The other end of a connection, as an extension of each request.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// Its address.
    pub address: Option<SocketAddr>,
    /// Whether it has proved by mutual TLS that it is a program that this one trusts.
    pub is_verified: bool,
}

/// A connection.
pub(super) struct Connection(Either<TcpStream, Box<TlsStream<TcpStream>>>);

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        match &self.0 {
            Either::Left(tcp) => Peer { address: tcp.peer_addr().ok(), is_verified: false },
            Either::Right(tls) => {
                let (tcp, session) = tls.get_ref();
                Peer { address: tcp.peer_addr().ok(), is_verified: session.peer_certificates().is_some() }
            }
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }
}

/// The stream of connections. Handshakes run beside each other, so that a slow one delays no other.
pub(super) struct Incoming {
    tcp: TcpIncoming,
    tls: Option<ServerTls>,
    handshakes: JoinSet<Option<Connection>>,
}

impl Incoming {
    pub(super) fn new(tcp: TcpIncoming, tls: Option<ServerTls>) -> Self {
        Self { tcp, tls, handshakes: JoinSet::new() }
    }
}

impl Stream for Incoming {
    type Item = io::Result<Connection>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(tls) = &this.tls else {
            let accepted = Pin::new(&mut this.tcp).poll_next(cx);
            return accepted.map(|next| next.map(|tcp| tcp.map(|tcp| Connection(Either::Left(tcp)))));
        };
        while this.handshakes.len() < HANDSHAKES {
            match Pin::new(&mut this.tcp).poll_next(cx) {
                Poll::Ready(Some(Ok(tcp))) => {
                    let acceptor = TlsAcceptor::from(tls.current());
                    this.handshakes.spawn(handshake(acceptor, tcp));
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        loop {
            match this.handshakes.poll_join_next(cx) {
                Poll::Ready(Some(Ok(Some(connection)))) => return Poll::Ready(Some(Ok(connection))),
                Poll::Ready(Some(_failed)) => {}
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    }
}

async fn handshake(acceptor: TlsAcceptor, tcp: TcpStream) -> Option<Connection> {
    let peer = tcp.peer_addr().ok().map(|peer| Network::from(peer.ip()));
    let failure = match tokio::time::timeout(HANDSHAKE, acceptor.accept(tcp)).await {
        Ok(Ok(stream)) => return Some(Connection(Either::Right(Box::new(stream)))),
        Ok(Err(error)) => error.to_string(),
        Err(_elapsed) => format!("it took longer than {} s", HANDSHAKE.as_secs()),
    };
    // Anybody who reaches the port can cause it as often as they like.
    tracing::debug!(peer = peer.map(tracing::field::display), "a TLS handshake failed: {failure}");
    None
}
