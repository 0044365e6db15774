//! Being told that something has happened.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_postgres::{AsyncMessage, Client, Notification, SimpleQueryMessage};
use uuid::Uuid;

use super::{ConnectError, DbError, TenantDb};

/// How often a listening connection is asked whether notifications still arrive, and how long that may take. Together they
/// are the longest that a dead one stays unnoticed.
const HEARTBEAT: Duration = Duration::from_secs(5);
const ARRIVAL: Duration = Duration::from_secs(4);
/// Between the end of one connection and the next.
const PAUSE: Duration = Duration::from_secs(1);
/// The same where notifications do not arrive: each attempt is made in vain until somebody changes the network.
const DEAF_PAUSE: Duration = Duration::from_secs(60);
/// How often it is tried to meet the server process again that a pooler had lent.
const UNLISTEN_ATTEMPTS: u32 = 20;

/// Listens on a channel of PostgreSQL's NOTIFY in the background, over a connection of its own, which is made again when it
/// ends. It learns that there was a notification, and nothing of what it says: no tenant's data comes this way.
///
/// That the server has answered LISTEN proves nothing: a pooler in transaction mode does so, too, and drops what arrives. So a
/// listener counts as listening only when a notification that it has sent over another connection has come back, and for as
/// long as it goes on hearing its own.
pub struct Listener {
    heard: watch::Receiver<Heard>,
    task: JoinHandle<()>,
}

#[derive(Clone, Copy, Default)]
struct Heard {
    count: u64,
    listening: bool,
}

impl Listener {
    /// Waits until there may be news since the last call: a notification, or several, or that it has begun to listen or ceased
    /// to, since something may have been said in between.
    pub async fn heard(&mut self) {
        if self.heard.changed().await.is_err() {
            // The task goes on for as long as this value is there, so it can only have panicked.
            std::future::pending::<()>().await;
        }
    }

    /// The same for as many as wait for news. It ends with this value.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        Subscription(self.heard.clone())
    }

    /// Whether notifications arrive. Who waits for news has to look by the clock as well, and often while they do not.
    #[must_use]
    pub fn is_listening(&self) -> bool {
        self.heard.borrow().listening
    }
}

/// One that waits for a [`Listener`]'s news.
pub struct Subscription(watch::Receiver<Heard>);

impl Subscription {
    /// Does the same as [`Listener::heard`].
    pub async fn heard(&mut self) {
        if self.0.changed().await.is_err() {
            // The listener is gone.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl TenantDb {
    /// Begins to listen on the channel of the name.
    #[must_use]
    pub fn listen(&self, channel: impl Into<String>) -> Listener {
        self.listen_on(Channel::Named(channel.into()))
    }

    /// Begins to listen on the channel whose name is the prefix and the role that is logged in.
    #[must_use]
    pub fn listen_for_role(&self, prefix: &'static str) -> Listener {
        self.listen_on(Channel::OfRole(prefix))
    }

    fn listen_on(&self, channel: Channel) -> Listener {
        let (sender, heard) = watch::channel(Heard::default());
        let ear = Ear { db: self.clone(), channel, heard: sender };
        Listener { heard, task: tokio::spawn(ear.listen()) }
    }
}

/// Why a connection does not listen any more, or never did.
#[derive(Debug, thiserror::Error)]
enum Deaf {
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

struct Ear {
    db: TenantDb,
    channel: Channel,
    heard: watch::Sender<Heard>,
}

#[derive(Debug)]
enum Channel {
    Named(String),
    OfRole(&'static str),
}

impl Channel {
    async fn name(&self, client: &Client) -> Result<String, Deaf> {
        match self {
            Self::Named(name) => Ok(name.clone()),
            Self::OfRole(prefix) => {
                let answers = in_time(client.simple_query("SELECT session_user")).await??;
                Ok(format!("{prefix}{}", value(&answers).unwrap_or_default()))
            }
        }
    }
}

impl Ear {
    async fn listen(self) {
        let mut said = false;
        loop {
            let Err(deaf) = self.listen_once().await;
            if self.heard.borrow().listening {
                self.heard.send_modify(|heard| heard.listening = false);
                tracing::warn!(
                    channel = ?self.channel,
                    "the database is not listened to for the moment: {deaf}"
                );
            }
            let pause = if matches!(deaf, Deaf::Pooler) {
                if !said {
                    tracing::warn!(channel = ?self.channel, "{deaf}: it is looked by the clock instead");
                    said = true;
                }
                DEAF_PAUSE
            } else {
                tracing::debug!(channel = ?self.channel, "the database is not listened to: {deaf}");
                PAUSE
            };
            sleep(pause).await;
        }
    }

    async fn listen_once(&self) -> Result<std::convert::Infallible, Deaf> {
        let (client, mut driver) = self.db.connector().open().await?;
        let (sender, mut arrived) = mpsc::unbounded_channel();
        // Closes the connection when this ends, at once and not when the server has answered.
        let _driving = AbortOnDrop(tokio::spawn(async move {
            while let Some(Ok(message)) = driver.message().await {
                if let AsyncMessage::Notification(notification) = message
                    && sender.send(notification).is_err()
                {
                    break;
                }
            }
        }));
        // First on a channel that nobody else knows, so that nothing harmful stays behind on a pooler's connection.
        let own = format!("rowhouse_heartbeat_{}", Uuid::now_v7().simple());
        let process = begin(&client, &own).await?;
        in_time(notify_over_the_pool(&self.db, &own)).await??;
        if let Err(deaf) = self.arrival(&mut arrived, (&own, ""), Instant::now() + ARRIVAL).await {
            unlisten(&client, process.as_deref()).await;
            return Err(if matches!(deaf, Deaf::Silent) { Deaf::Pooler } else { deaf });
        }
        let channel = self.channel.name(&client).await?;
        in_time(client.batch_execute(&format!("LISTEN {}", quoted(&channel)))).await??;
        self.heard.send_modify(|heard| {
            heard.listening = true;
            // What was said before anybody listened.
            heard.count = heard.count.wrapping_add(1);
        });
        loop {
            let heartbeat = Instant::now() + HEARTBEAT;
            while let Ok(notification) = timeout_at(heartbeat, arrived.recv()).await {
                self.pass_on(&notification.ok_or(Deaf::Ended)?, &channel);
            }
            let deadline = Instant::now() + ARRIVAL;
            let notify = format!("NOTIFY {}", quoted(&own));
            timeout_at(deadline, client.batch_execute(&notify)).await.or(Err(Deaf::Silent))??;
            self.arrival(&mut arrived, (&own, &channel), deadline).await?;
        }
    }

    /// Waits for a notification of one's own, and passes those of the channel on.
    async fn arrival(
        &self,
        arrived: &mut mpsc::UnboundedReceiver<Notification>,
        (own, channel): (&str, &str),
        deadline: Instant,
    ) -> Result<(), Deaf> {
        loop {
            match timeout_at(deadline, arrived.recv()).await {
                Ok(Some(notification)) if notification.channel() == own => return Ok(()),
                Ok(Some(notification)) => self.pass_on(&notification, channel),
                Ok(None) => return Err(Deaf::Ended),
                Err(_) => return Err(Deaf::Silent),
            }
        }
    }

    fn pass_on(&self, notification: &Notification, channel: &str) {
        if notification.channel() == channel {
            self.heard.send_modify(|heard| heard.count = heard.count.wrapping_add(1));
        }
    }
}

/// Listens, and returns the server process that does. In one transaction, so that a pooler has it done by one.
async fn begin(client: &Client, channel: &str) -> Result<Option<String>, Deaf> {
    let listen = format!("BEGIN; LISTEN {}; SELECT pg_catalog.pg_backend_pid(); COMMIT", quoted(channel));
    Ok(value(&in_time(client.simple_query(&listen)).await??))
}

async fn in_time<T>(answering: impl Future<Output = T>) -> Result<T, Deaf> {
    timeout(ARRIVAL, answering).await.or(Err(Deaf::Silent))
}

/// From another connection than the one that listens: over the same one, a pooler lets even that through which it would drop
/// a moment later.
async fn notify_over_the_pool(db: &TenantDb, channel: &str) -> Result<(), DbError> {
    use diesel_async::SimpleAsyncConnection;
    let notify = format!("NOTIFY {}", quoted(channel));
    db.global_tx("listen.prove", async |tx| Ok(tx.batch_execute(&notify).await?)).await
}

/// The process belongs to a pooler, which lends it to others as well: what it listens to is taken back, if it can be met again.
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
