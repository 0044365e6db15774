//! [`SqlStateStream`], the stream under a connection, which preserves each error's SQLSTATE through diesel.
//!
//! diesel passes on some fields of the server's `ErrorResponse`, but not the SQLSTATE. So this stream changes each
//! incoming `ErrorResponse`: it replaces the column name, which no code here reads, with the SQLSTATE. Every error carries
//! its own, however many statements are in flight.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsStream};

use crate::sqlstate::is_sqlstate;

const CHUNK: usize = 8 * 1024;

/// The size of a message's kind and length. The length includes itself.
const HEADER: usize = 5;
const ERROR_RESPONSE: u8 = b'E';

/// Fields of an `ErrorResponse`.
const CODE: u8 = b'C';
const COLUMN: u8 = b'c';

/// A byte stream: a socket or TLS.
pub(crate) trait Channel: AsyncRead + AsyncWrite + Send + Unpin {}

impl<C: AsyncRead + AsyncWrite + Send + Unpin> Channel for C {}

pub(crate) struct SqlStateStream {
    inner: Box<dyn Channel>,
    /// The channel binding, which the login asks for once.
    binding: Cell<Option<ChannelBinding>>,
    chunk: Box<[u8]>,
    /// Received bytes that were not examined yet.
    received: BytesMut,
    /// Bytes that can be read.
    ready: BytesMut,
    /// The rest of the current message, which passes without examination.
    passing: usize,
}

impl SqlStateStream {
    pub(crate) fn new(inner: impl Channel + 'static, binding: ChannelBinding) -> Self {
        Self {
            inner: Box::new(inner),
            binding: Cell::new(Some(binding)),
            chunk: vec![0; CHUNK].into_boxed_slice(),
            received: BytesMut::new(),
            ready: BytesMut::new(),
            passing: 0,
        }
    }

    /// Moves complete messages from `received` to `ready`.
    fn sort(&mut self) {
        loop {
            let passing = self.passing.min(self.received.len());
            self.ready.unsplit(self.received.split_to(passing));
            self.passing = self.passing.saturating_sub(passing);
            let Some((&kind, mut length)) = self.received.get(..HEADER).and_then(<[u8]>::split_first) else {
                return;
            };
            let length =
                usize::try_from(length.get_u32()).unwrap_or(usize::MAX).saturating_add(1).max(HEADER);
            if kind != ERROR_RESPONSE {
                self.passing = length;
            } else if self.received.len() < length {
                return;
            } else {
                let message = self.received.split_to(length);
                self.ready.extend_from_slice(&with_sqlstate(&message));
            }
        }
    }
}

/// Returns the `ErrorResponse` with its SQLSTATE as the column name.
fn with_sqlstate(message: &[u8]) -> BytesMut {
    let fields = message.get(HEADER..).unwrap_or_default();
    let fields = fields.split(|byte| *byte == 0).filter(|field| !field.is_empty());
    let mut body = BytesMut::with_capacity(message.len());
    for field in fields {
        match field.split_first() {
            Some((&COLUMN, _)) => {}
            Some((&CODE, code)) if is_sqlstate(code) => {
                for kind in [CODE, COLUMN] {
                    body.put_u8(kind);
                    body.put_slice(code);
                    body.put_u8(0);
                }
            }
            _ => {
                body.put_slice(field);
                body.put_u8(0);
            }
        }
    }
    body.put_u8(0);
    let mut changed = BytesMut::with_capacity(HEADER.saturating_add(body.len()));
    changed.put_u8(ERROR_RESPONSE);
    // Messages are shorter: the server's limit is 1 GiB.
    changed.put_u32(u32::try_from(body.len().saturating_add(4)).unwrap_or(u32::MAX));
    changed.unsplit(body);
    changed
}

impl AsyncRead for SqlStateStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while this.ready.is_empty() {
            let mut chunk = ReadBuf::new(&mut this.chunk);
            ready!(Pin::new(&mut this.inner).poll_read(cx, &mut chunk))?;
            if chunk.filled().is_empty() {
                // The stream has ended. The reader reports a truncated message.
                this.ready = std::mem::take(&mut this.received);
                if this.ready.is_empty() {
                    return Poll::Ready(Ok(()));
                }
            } else {
                this.received.extend_from_slice(chunk.filled());
                this.sort();
            }
        }
        let length = this.ready.len().min(buffer.remaining());
        buffer.put_slice(&this.ready.split_to(length));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for SqlStateStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

impl TlsStream for SqlStateStream {
    fn channel_binding(&self) -> ChannelBinding {
        self.binding.take().unwrap_or_else(ChannelBinding::none)
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        [&[kind], &(body.len() as u32 + 4).to_be_bytes()[..], body].concat()
    }

    /// The result does not depend on how the network splits the bytes.
    #[tokio::test]
    async fn errors_carry_their_sqlstate_and_other_messages_pass() {
        let row = message(b'D', &[b'E'; 9_000]);
        let ready = message(b'Z', b"I");
        let sent = [
            row.clone(),
            message(b'E', b"SFEHLER\0C55P03\0Mkonnte Sperre nicht setzen\0\0"),
            message(b'E', b"SERROR\0C23502\0Mnull value\0cname\0tt\0\0"),
            ready.clone(),
            // The code is not an SQLSTATE, so the message passes unchanged.
            message(b'E', b"Cxyz\0\0"),
        ]
        .concat();
        let expected = [
            row,
            message(b'E', b"SFEHLER\0C55P03\0c55P03\0Mkonnte Sperre nicht setzen\0\0"),
            message(b'E', b"SERROR\0C23502\0c23502\0Mnull value\0tt\0\0"),
            ready,
            message(b'E', b"Cxyz\0\0"),
        ]
        .concat();
        for piece in [1, 3, 7, 64, 8_191, 100_000] {
            let (mut server, client) = duplex(piece);
            let sent = sent.clone();
            let sending = tokio::spawn(async move { server.write_all(&sent).await });
            let mut got = Vec::new();
            SqlStateStream::new(client, ChannelBinding::none()).read_to_end(&mut got).await.unwrap();
            sending.await.unwrap().unwrap();
            assert!(got == expected, "in pieces of {piece}");
        }
    }

    #[tokio::test]
    async fn a_truncated_message_is_passed_on() {
        let (mut server, client) = duplex(64);
        let error = message(b'E', b"C57P01\0\0");
        let cut = error.split_last().unwrap().1;
        server.write_all(cut).await.unwrap();
        drop(server);
        let mut got = Vec::new();
        SqlStateStream::new(client, ChannelBinding::none()).read_to_end(&mut got).await.unwrap();
        assert_eq!(got, cut);
    }
}
