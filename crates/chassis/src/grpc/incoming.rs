//! The connections of a gRPC server, with TLS or without, and how many there are.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::Stream;
use rowhouse_tenancy::shares::{Permit, Shares};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tonic::transport::server::{Connected, TcpIncoming};

use crate::connections::Excess;
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
    /// True if it has proved by mutual TLS that it is a program that this one trusts.
    pub is_verified: bool,
}

/// A connection, which has a place until it is dropped.
pub(super) struct Connection {
    stream: Either<TcpStream, Box<TlsStream<TcpStream>>>,
    _place: Permit<Network>,
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        match &self.stream {
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
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// The stream of connections. Handshakes run beside each other, so that a slow one delays no other.
///
/// A connection that is too many is closed at once: its client then tries another instance.
pub(super) struct Incoming {
    tcp: TcpIncoming,
    tls: Option<ServerTls>,
    handshakes: JoinSet<Option<Connection>>,
    places: Shares<Network>,
    excess: Excess,
}

/// A connection that has a place, before its handshake.
type Admitted = (TcpStream, Permit<Network>);

impl Incoming {
    pub(super) fn new(tcp: TcpIncoming, tls: Option<ServerTls>, most: NonZeroUsize) -> Self {
        let (places, excess) = (Shares::new(most.get()), Excess::expect());
        Self { tcp, tls, handshakes: JoinSet::new(), places, excess }
    }

    /// Returns the next connection that has a place.
    fn poll_admitted(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Admitted>>> {
        loop {
            let tcp = match Pin::new(&mut self.tcp).poll_next(cx) {
                Poll::Ready(Some(Ok(tcp))) => tcp,
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            };
            match self.places.take(network(&tcp), 1) {
                Some(place) => return Poll::Ready(Some(Ok((tcp, place)))),
                None => self.excess.count(),
            }
        }
    }
}

impl Stream for Incoming {
    type Item = io::Result<Connection>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(tls) = this.tls.clone() else {
            let plain = |(tcp, place)| Connection { stream: Either::Left(tcp), _place: place };
            return this.poll_admitted(cx).map(|next| next.map(|admitted| admitted.map(plain)));
        };
        while this.handshakes.len() < HANDSHAKES {
            match this.poll_admitted(cx) {
                Poll::Ready(Some(Ok((tcp, place)))) => {
                    let acceptor = TlsAcceptor::from(tls.current());
                    this.handshakes.spawn(handshake(acceptor, tcp, place));
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

fn network(tcp: &TcpStream) -> Option<Network> {
    tcp.peer_addr().ok().map(|peer| Network::from(peer.ip()))
}

async fn handshake(acceptor: TlsAcceptor, tcp: TcpStream, place: Permit<Network>) -> Option<Connection> {
    let peer = network(&tcp);
    let failure = match tokio::time::timeout(HANDSHAKE, acceptor.accept(tcp)).await {
        Ok(Ok(stream)) => {
            return Some(Connection { stream: Either::Right(Box::new(stream)), _place: place });
        }
        Ok(Err(error)) => error.to_string(),
        Err(_elapsed) => format!("it took longer than {} s", HANDSHAKE.as_secs()),
    };
    // Anybody who reaches the port can cause it as often as they like.
    tracing::debug!(peer = peer.map(tracing::field::display), "a TLS handshake failed: {failure}");
    None
}
