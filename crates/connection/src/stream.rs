//! The stream under a connection, which writes each error's SQLSTATE where diesel lets it pass.
//!
//! diesel hands on some fields of the server's `ErrorResponse`, and the SQLSTATE is not among them. So this changes each
//! `ErrorResponse` on its way in: the column's name, which nobody here asks for, becomes the SQLSTATE. Every error carries
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

/// A message's kind and its length, which counts itself.
const HEADER: usize = 5;
const ERROR_RESPONSE: u8 = b'E';

/// Fields of an `ErrorResponse`.
const CODE: u8 = b'C';
const COLUMN: u8 = b'c';

/// What the bytes go through.
pub(crate) trait Channel: AsyncRead + AsyncWrite + Send + Unpin {}

impl<C: AsyncRead + AsyncWrite + Send + Unpin> Channel for C {}

pub(crate) struct SqlStateStream {
    inner: Box<dyn Channel>,
    /// For the login, which asks for it once.
    binding: Cell<Option<ChannelBinding>>,
    chunk: Box<[u8]>,
    /// Came in, and was not looked at.
    received: BytesMut,
    /// May be read.
    ready: BytesMut,
    /// How much of the message that is coming in needs no look.
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

    /// Moves what is complete from `received` to `ready`.
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

/// The `ErrorResponse` with its SQLSTATE for the column's name.
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
    // No message is so long: the server's limit is 1 GiB.
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
                // The end. A message that was cut off is for the reader to complain about.
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

    /// Whatever the pieces are in which the network delivers it.
    #[tokio::test]
    async fn errors_carry_their_sqlstate_and_all_else_passes() {
        let row = message(b'D', &[b'E'; 9_000]);
        let ready = message(b'Z', b"I");
        let sent = [
            row.clone(),
            message(b'E', b"SFEHLER\0C55P03\0Mkonnte Sperre nicht setzen\0\0"),
            message(b'E', b"SERROR\0C23502\0Mnull value\0cname\0tt\0\0"),
            ready.clone(),
            // Not an SQLSTATE, and not ours to judge.
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
    async fn a_message_that_is_cut_off_is_handed_on() {
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
