//! The pool's connections: when they are made and when they are closed.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bb8::ManageConnection;
use diesel_async::pooled_connection::PoolableConnection;
use diesel_async::{AsyncConnection, AsyncPgConnection};

use super::ConnectError;
use super::availability::Availability;
use super::connect::Connector;
use super::prepared::Prepared;
use super::session::SessionState;

/// The pause between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(250);
/// The lifetime of a read-only connection: long enough for reads, and short enough that the next connection soon finds the
/// server writable again.
const READ_ONLY_LIFE: Duration = Duration::from_secs(2);
/// The part of its lifetime by which a connection may end earlier, so that not all end at once.
const JITTER: f64 = 0.2;
/// The longest lifetime, which an `Instant` can represent.
const LONGEST_LIFE: Duration = Duration::from_hours(24 * 365);

/// A connection of the pool.
pub(super) struct PoolConnection {
    conn: AsyncPgConnection,
    prepared: Prepared,
    /// The time before the attempt to connect, so that events during the attempt count as later.
    made: Instant,
    expires: Instant,
    read_only: bool,
    /// A query was sent outside of a transaction and has not been answered.
    asked: bool,
}

impl PoolConnection {
    /// Marks the connection as waiting for an answer. A connection that is dropped in this state is closed.
    pub(super) const fn ask(&mut self) {
        self.asked = true;
    }

    /// Marks the connection as having answered.
    pub(super) const fn answered(&mut self) {
        self.asked = false;
    }

    /// Returns the statements that the connection has prepared.
    pub(super) const fn prepared(&self) -> &Prepared {
        &self.prepared
    }

    /// Returns whether the connection was read-only when it was made.
    pub(super) const fn is_read_only(&self) -> bool {
        self.read_only
    }
}

impl Deref for PoolConnection {
    type Target = AsyncPgConnection;

    fn deref(&self) -> &AsyncPgConnection {
        &self.conn
    }
}

impl DerefMut for PoolConnection {
    fn deref_mut(&mut self) -> &mut AsyncPgConnection {
        &mut self.conn
    }
}

/// The error for a connection that cannot be used or made.
#[derive(Debug, thiserror::Error)]
#[error("the connection is not usable any more")]
pub(super) struct Unusable;

pub(super) struct Manager {
    connector: Connector,
    lifetime: Duration,
    availability: Arc<Availability>,
    alive: Weak<()>,
}

impl Manager {
    /// Creates a manager that makes connections as long as `alive` is.
    pub(super) fn new(
        connector: Connector,
        lifetime: Duration,
        availability: Arc<Availability>,
        alive: Weak<()>,
    ) -> Self {
        Self { connector, lifetime: lifetime.min(LONGEST_LIFE), availability, alive }
    }

    async fn attempt(&self) -> Result<PoolConnection, Unusable> {
        let made = Instant::now();
        match self.connector.connect().await {
            Ok((mut conn, SessionState { read_only })) => {
                let prepared = Prepared::default();
                conn.set_instrumentation(prepared.clone());
                self.availability.connected(read_only);
                let life = if read_only { READ_ONLY_LIFE } else { jittered(self.lifetime) };
                let expires = made.checked_add(life).unwrap_or(made);
                Ok(PoolConnection { conn, prepared, made, expires, read_only, asked: false })
            }
            Err(error) => {
                self.availability.failed(match error {
                    ConnectError::Refused(reason) => reason,
                    error => error.to_string(),
                });
                Err(Unusable)
            }
        }
    }

    fn is_unusable(&self, held: &mut PoolConnection) -> bool {
        // There is no `SELECT 1` before each use: it would be one more round trip. A closed socket is known without
        // a query.
        held.asked
            || held.conn.is_broken()
            || held.expires <= Instant::now()
            || !self.availability.is_fresh(held.made)
    }
}

impl ManageConnection for Manager {
    type Connection = PoolConnection;
    type Error = Unusable;

    /// Retries until there is a connection. Callers that wait for it have time limits of their own.
    ///
    /// While the server cannot be reached, one task at a time tries. When it can be again, all of them connect side by side.
    async fn connect(&self) -> Result<PoolConnection, Unusable> {
        let mut outcome = self.attempt().await;
        while outcome.is_err() && self.alive.strong_count() > 0 {
            let turn = self.availability.turn.lock().await;
            if self.availability.is_failing() {
                tokio::time::sleep(PAUSE).await;
                outcome = self.attempt().await;
            } else {
                drop(turn);
                outcome = self.attempt().await;
            }
        }
        outcome
    }

    async fn is_valid(&self, held: &mut PoolConnection) -> Result<(), Unusable> {
        if self.is_unusable(held) { Err(Unusable) } else { Ok(()) }
    }

    fn has_broken(&self, held: &mut PoolConnection) -> bool {
        std::thread::panicking() || self.is_unusable(held)
    }
}

fn jittered(life: Duration) -> Duration {
    // Without randomness only the spread is lost.
    let random = f64::from(getrandom::u32().unwrap_or_default()) / f64::from(u32::MAX);
    life.mul_f64(JITTER.mul_add(-random, 1.0))
}
