//! The pool's connections: how they are made, and when they are given up.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bb8::ManageConnection;
use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::PoolableConnection;

use super::ConnectError;
use super::availability::Availability;
use super::connect::Connector;
use super::session::Session;

/// Between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(250);
/// The life of a connection over which nothing can be written: long enough to read, and short enough for the next one to find
/// out that writing is possible again.
const READ_ONLY_LIFE: Duration = Duration::from_secs(2);
/// How much of its life a connection may lose, so that not all end at once.
const JITTER: f64 = 0.2;
/// What a clock can count.
const LONGEST_LIFE: Duration = Duration::from_hours(24 * 365);

/// A connection of the pool.
pub(super) struct Held {
    conn: AsyncPgConnection,
    /// Before it was made, so that nothing which happened meanwhile is taken for older.
    made: Instant,
    expires: Instant,
    read_only: bool,
    /// A question is on its way that no transaction stands for.
    asked: bool,
}

impl Held {
    /// From now on it is given up when it is dropped, until it has answered.
    pub(super) const fn ask(&mut self) {
        self.asked = true;
    }

    /// It has answered.
    pub(super) const fn answered(&mut self) {
        self.asked = false;
    }

    /// Whether it was known to be read-only from its beginning.
    pub(super) const fn is_read_only(&self) -> bool {
        self.read_only
    }
}

impl Deref for Held {
    type Target = AsyncPgConnection;

    fn deref(&self) -> &AsyncPgConnection {
        &self.conn
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut AsyncPgConnection {
        &mut self.conn
    }
}

/// A connection is of no use, or not to be had.
#[derive(Debug, thiserror::Error)]
#[error("the connection is of no use any more")]
pub(super) struct Useless;

pub(super) struct Manager {
    connector: Connector,
    lifetime: Duration,
    availability: Arc<Availability>,
}

impl Manager {
    pub(super) fn new(connector: Connector, lifetime: Duration, availability: Arc<Availability>) -> Self {
        Self { connector, lifetime: lifetime.min(LONGEST_LIFE), availability }
    }

    async fn attempt(&self) -> Result<Held, Useless> {
        let made = Instant::now();
        match self.connector.connect().await {
            Ok((conn, Session { read_only })) => {
                self.availability.connected(read_only);
                let life = if read_only { READ_ONLY_LIFE } else { jittered(self.lifetime) };
                let expires = made.checked_add(life).unwrap_or(made);
                Ok(Held { conn, made, expires, read_only, asked: false })
            }
            Err(error) => {
                self.availability.failed(match error {
                    ConnectError::Refused(reason) => reason,
                    error => error.to_string(),
                });
                Err(Useless)
            }
        }
    }

    fn is_useless(&self, held: &mut Held) -> bool {
        // No `SELECT 1` before each use: that would be a third round trip. Whether the socket is closed is known without
        // asking.
        held.asked
            || held.conn.is_broken()
            || held.expires <= Instant::now()
            || !self.availability.is_fresh(held.made)
    }
}

impl ManageConnection for Manager {
    type Connection = Held;
    type Error = Useless;

    /// Tries until there is one. Those who wait for it give up by themselves.
    async fn connect(&self) -> Result<Held, Useless> {
        if let Ok(held) = self.attempt().await {
            return Ok(held);
        }
        let _turn = self.availability.turn.lock().await;
        loop {
            tokio::time::sleep(PAUSE).await;
            if let Ok(held) = self.attempt().await {
                return Ok(held);
            }
            // Nobody has the pool any more.
            if Arc::strong_count(&self.availability) == 1 {
                return Err(Useless);
            }
        }
    }

    async fn is_valid(&self, held: &mut Held) -> Result<(), Useless> {
        if self.is_useless(held) { Err(Useless) } else { Ok(()) }
    }

    fn has_broken(&self, held: &mut Held) -> bool {
        std::thread::panicking() || self.is_useless(held)
    }
}

fn jittered(life: Duration) -> Duration {
    // Without randomness all that is lost is the spread.
    let random = f64::from(getrandom::u32().unwrap_or_default()) / f64::from(u32::MAX);
    life.mul_f64(JITTER.mul_add(-random, 1.0))
}
