//! Listening for PostgreSQL's notifications.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_postgres::{AsyncMessage, Client, Notification, SimpleQueryMessage};
use uuid::Uuid;

use super::{ConnectError, DbError, TenantDb};

/// The interval between two checks that notifications still arrive, and the time limit of a check. Their sum is the
/// longest time for which a dead connection stays undetected.
const HEARTBEAT: Duration = Duration::from_secs(5);
const ARRIVAL: Duration = Duration::from_secs(4);
/// The pause before a lost connection is made again.
const PAUSE: Duration = Duration::from_secs(1);
/// The pause where notifications do not arrive: attempts fail until somebody changes the network.
const POLLING_PAUSE: Duration = Duration::from_secs(60);
/// The number of attempts to get the server process again that a pooler had assigned before.
const UNLISTEN_ATTEMPTS: u32 = 20;

/// Listens on a channel of PostgreSQL's NOTIFY in the background, over a connection of its own, which it makes again when it
/// ends. It reports that a notification arrived, but not its payload, so no tenant's data travels this way.
///
/// A successful LISTEN proves nothing: a pooler in transaction mode accepts it, too, and drops the notifications. So a
/// listener counts as listening only after a notification that it sent over another connection has arrived, and only
/// while its own notifications keep arriving.
pub struct NotificationListener {
    heard: watch::Receiver<ListenState>,
    task: JoinHandle<()>,
}

#[derive(Clone, Copy, Default)]
struct ListenState {
    count: u64,
    listening: bool,
}

impl NotificationListener {
    /// Waits until a notification may have arrived since the last call. Returns for one or several notifications, and
    /// when listening begins or ends, since some may have been missed in between.
    pub async fn notified(&mut self) {
        if self.heard.changed().await.is_err() {
            // The task runs as long as this value exists, so it can only have panicked.
            std::future::pending::<()>().await;
        }
    }

    /// Returns a waiter for notifications, of which there can be any number. It ends with this value.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        Subscription(self.heard.clone())
    }

    /// Returns whether notifications arrive. Callers have to poll as well, and often while they do not arrive.
    #[must_use]
    pub fn is_listening(&self) -> bool {
        self.heard.borrow().listening
    }
}

/// Waits for the notifications of a [`NotificationListener`].
pub struct Subscription(watch::Receiver<ListenState>);

impl Subscription {
    /// Returns after a notification, or when the listener has begun or ceased to listen.
    pub async fn notified(&mut self) {
        if self.0.changed().await.is_err() {
            // The listener is gone.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for NotificationListener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl TenantDb {
    /// Starts to listen on a channel.
    #[must_use]
    pub fn listen(&self, channel: impl Into<String>) -> NotificationListener {
        self.listen_on(Channel::Named(channel.into()))
    }

    /// Starts to listen on the channel whose name is the prefix and the login role.
    #[must_use]
    pub fn listen_for_role(&self, prefix: &'static str) -> NotificationListener {
        self.listen_on(Channel::OfRole(prefix))
    }

    fn listen_on(&self, channel: Channel) -> NotificationListener {
        let (sender, heard) = watch::channel(ListenState::default());
        let task = ListenTask { db: self.clone(), channel, heard: sender };
        NotificationListener { heard, task: tokio::spawn(task.listen()) }
    }
}

/// The reason why a connection stopped listening or could not start.
#[derive(Debug, thiserror::Error)]
enum NotListening {
    #[error("notifications do not arrive, as behind a pooler in transaction mode")]
    Pooler,
    #[error("no notification of our own came back within {} s", ARRIVAL.as_secs())]
    Silent,
    #[error("the connection has ended")]
    Ended,
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Postgres(#[from] tokio_postgres::Error),
}

struct ListenTask {
    db: TenantDb,
    channel: Channel,
    heard: watch::Sender<ListenState>,
}

#[derive(Debug)]
enum Channel {
    Named(String),
    OfRole(&'static str),
}

impl Channel {
    async fn name(&self, client: &Client) -> Result<String, NotListening> {
        match self {
            Self::Named(name) => Ok(name.clone()),
            Self::OfRole(prefix) => {
                let answers = in_time(client.simple_query("SELECT session_user")).await??;
                Ok(format!("{prefix}{}", value(&answers).unwrap_or_default()))
            }
        }
    }
}

impl ListenTask {
    async fn listen(self) {
        let mut warned = false;
        loop {
            let Err(reason) = self.listen_once().await;
            if self.heard.borrow().listening {
                self.heard.send_modify(|heard| heard.listening = false);
                tracing::warn!(
                    channel = ?self.channel,
                    "listening for notifications is interrupted: {reason}"
                );
            }
            let pause = if matches!(reason, NotListening::Pooler) {
                if !warned {
                    tracing::warn!(channel = ?self.channel, "{reason}: the database is polled instead");
                    warned = true;
                }
                POLLING_PAUSE
            } else {
                tracing::debug!(channel = ?self.channel, "not listening for notifications: {reason}");
                PAUSE
            };
            sleep(pause).await;
        }
    }

    async fn listen_once(&self) -> Result<std::convert::Infallible, NotListening> {
        let (client, mut driver) = self.db.connector().open().await?;
        let (sender, mut arrived) = mpsc::unbounded_channel();
        // Aborting the task closes the connection at once, without waiting for the server.
        let _driving = AbortOnDrop(tokio::spawn(async move {
            while let Some(Ok(message)) = driver.message().await {
                if let AsyncMessage::Notification(notification) = message
                    && sender.send(notification).is_err()
                {
                    break;
                }
            }
        }));
        // The first LISTEN is on a channel that nobody else uses, so that a pooler's connection keeps nothing harmful.
        let own = format!("rowhouse_heartbeat_{}", Uuid::now_v7().simple());
        let process = begin(&client, &own).await?;
        in_time(notify_over_the_pool(&self.db, &own)).await??;
        if let Err(reason) = self.arrival(&mut arrived, (&own, ""), Instant::now() + ARRIVAL).await {
            unlisten(&client, process.as_deref()).await;
            return Err(if matches!(reason, NotListening::Silent) { NotListening::Pooler } else { reason });
        }
        let channel = self.channel.name(&client).await?;
        in_time(client.batch_execute(&format!("LISTEN {}", quoted(&channel)))).await??;
        self.heard.send_modify(|heard| {
            heard.listening = true;
            // Notifications may have been sent before listening began.
            heard.count = heard.count.wrapping_add(1);
        });
        loop {
            let heartbeat = Instant::now() + HEARTBEAT;
            while let Ok(notification) = timeout_at(heartbeat, arrived.recv()).await {
                self.pass_on(&notification.ok_or(NotListening::Ended)?, &channel);
            }
            let deadline = Instant::now() + ARRIVAL;
            let notify = format!("NOTIFY {}", quoted(&own));
            timeout_at(deadline, client.batch_execute(&notify)).await.or(Err(NotListening::Silent))??;
            self.arrival(&mut arrived, (&own, &channel), deadline).await?;
        }
    }

    /// Waits for the heartbeat's notification, and reports those of the channel.
    async fn arrival(
        &self,
        arrived: &mut mpsc::UnboundedReceiver<Notification>,
        (own, channel): (&str, &str),
        deadline: Instant,
    ) -> Result<(), NotListening> {
        loop {
            match timeout_at(deadline, arrived.recv()).await {
                Ok(Some(notification)) if notification.channel() == own => return Ok(()),
                Ok(Some(notification)) => self.pass_on(&notification, channel),
                Ok(None) => return Err(NotListening::Ended),
                Err(_) => return Err(NotListening::Silent),
            }
        }
    }

    fn pass_on(&self, notification: &Notification, channel: &str) {
        if notification.channel() == channel {
            self.heard.send_modify(|heard| heard.count = heard.count.wrapping_add(1));
        }
    }
}

/// Sends LISTEN and returns the id of the server process that executed it. Both in one transaction, so that a pooler uses
/// one process for them.
async fn begin(client: &Client, channel: &str) -> Result<Option<String>, NotListening> {
    let listen = format!("BEGIN; LISTEN {}; SELECT pg_catalog.pg_backend_pid(); COMMIT", quoted(channel));
    Ok(value(&in_time(client.simple_query(&listen)).await??))
}

async fn in_time<T>(answering: impl Future<Output = T>) -> Result<T, NotListening> {
    timeout(ARRIVAL, answering).await.or(Err(NotListening::Silent))
}

/// Sends a notification over a connection of the pool. Over the listening connection, a pooler would deliver even a
/// notification that it would drop a moment later.
async fn notify_over_the_pool(db: &TenantDb, channel: &str) -> Result<(), DbError> {
    use diesel_async::SimpleAsyncConnection;
    let notify = format!("NOTIFY {}", quoted(channel));
    db.global_tx("listen.prove", async |tx| Ok(tx.batch_execute(&notify).await?)).await
}

/// Sends UNLISTEN to the server process, which a pooler shares with other clients, if the pooler assigns it again.
async fn unlisten(client: &Client, process: Option<&str>) {
    let all = async {
        for _ in 0..UNLISTEN_ATTEMPTS {
            let lent = value(&client.simple_query("BEGIN; SELECT pg_catalog.pg_backend_pid()").await?);
            let met = lent.as_deref() == process;
            client.batch_execute(if met { "UNLISTEN *; COMMIT" } else { "COMMIT" }).await?;
            if met {
                break;
            }
        }
        Ok::<(), tokio_postgres::Error>(())
    };
    match timeout(ARRIVAL, all).await {
        Ok(Ok(())) => {}
        // The connection is closed in any case.
        failed => tracing::debug!(?failed, "a pooler's connection may go on listening"),
    }
}

fn value(answers: &[SimpleQueryMessage]) -> Option<String> {
    answers.iter().find_map(|answer| match answer {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    })
}

fn quoted(channel: &str) -> String {
    format!("\"{}\"", channel.replace('"', "\"\""))
}

struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
