//! A receiver of webhooks that accepts every connection and answers only on request.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::Failure;

pub(super) struct BlackHole {
    pub(super) url: String,
    answering: watch::Sender<bool>,
    held: Arc<AtomicUsize>,
}

impl BlackHole {
    pub(super) async fn open() -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/", listener.local_addr()?);
        let (answering, until) = watch::channel(false);
        let held = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&held);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (mut until, count) = (until.clone(), Arc::clone(&count));
                tokio::spawn(async move {
                    count.fetch_add(1, Ordering::Relaxed);
                    // Without the sender nobody waits for an answer any more.
                    let told = until.wait_for(|answering| *answering).await.is_ok();
                    if told && let Err(error) = answer(connection).await {
                        // The sender waited for less time than this.
                        drop(error);
                    }
                    count.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        Ok(Self { url, answering, held })
    }

    /// Sets whether connections are held, or all of them are answered, including new ones.
    pub(super) fn answer(&self, answering: bool) {
        self.answering.send_replace(answering);
    }

    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }
}

/// Reads one request and answers 200.
async fn answer(connection: TcpStream) -> std::io::Result<()> {
    let mut connection = BufStream::new(connection);
    let mut length = 0;
    loop {
        let mut line = String::new();
        connection.read_line(&mut line).await?;
        match line.trim_end().to_ascii_lowercase().split_once(':') {
            Some(("content-length", digits)) => length = digits.trim().parse().unwrap_or(0),
            Some(_) => {}
            // The request line, a blank line, or the end.
            None if line.starts_with("POST") => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await?;
    connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await?;
    connection.flush().await
}
