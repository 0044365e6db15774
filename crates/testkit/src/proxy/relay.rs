//! Relaying the two directions of a connection.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

use super::frontend::Frontend;
use super::shared::{Shared, Unanswered};

/// The size of the buffer: more than one usual message of PostgreSQL.
const CHUNK: usize = 64 * 1024;

/// Accepts connections until the task is aborted.
pub(super) async fn accept(listener: TcpListener, upstream: String, shared: Arc<Shared>) {
    let mut connection = 0_usize;
    while let Ok((client, _)) = listener.accept().await {
        if *shared.refusing.lock().unwrap() {
            continue;
        }
        let (upstream, shared) = (upstream.clone(), Arc::clone(&shared));
        let mut cut = shared.next_cut();
        tokio::spawn(async move {
            tokio::select! {
                // Either side may close the connection at any time.
                _ended = relay(client, &upstream, &shared, connection) => {}
                _cut = cut.changed() => {}
            }
        });
        connection = connection.saturating_add(1);
    }
}

async fn relay(client: TcpStream, upstream: &str, shared: &Shared, connection: usize) -> io::Result<()> {
    let server = TcpStream::connect(upstream).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let to_client = Mutex::new(to_client);
    let unanswered = Unanswered::default();
    tokio::select! {
        ended = requests(from_client, to_server, &to_client, shared, &unanswered) => ended,
        ended = answers(from_server, &to_client, shared, &unanswered, connection) => ended,
    }
}

async fn requests(
    mut client: impl AsyncRead + Unpin,
    mut server: impl AsyncWrite + Unpin,
    to_client: &Mutex<impl AsyncWrite + Unpin>,
    shared: &Shared,
    unanswered: &Unanswered,
) -> io::Result<()> {
    let mut frontend = Frontend::default();
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = client.read(&mut chunk).await?;
        if length == 0 {
            return Ok(());
        }
        let received = frontend.receive(chunk.get(..length).unwrap_or_default(), |sql| shared.rewritten(sql));
        to_client.lock().await.write_all(&received.reply).await?;
        unanswered.speak(received.spoken);
        shared.until_not_stalled().await;
        server.write_all(&received.forward).await?;
    }
}

async fn answers(
    mut server: impl AsyncRead + Unpin,
    client: &Mutex<impl AsyncWrite + Unpin>,
    shared: &Shared,
    unanswered: &Unanswered,
    connection: usize,
) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = server.read(&mut chunk).await?;
        if length == 0 {
            return Ok(());
        }
        let latency = *shared.latency.lock().unwrap();
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        shared.until_not_stalled().await;
        if let Some(flight) = unanswered.answer(connection) {
            shared.flights.lock().unwrap().push(flight);
        }
        client.lock().await.write_all(chunk.get(..length).unwrap_or_default()).await?;
    }
}
