//! The state that the connections of a proxy share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;

use super::frontend::Spoken;

/// One round trip: everything that a client sent until it got an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flight {
    /// The number of the connection, counted from 0.
    pub connection: usize,
    /// The statements that it executed, as they reached the server. Empty if it only prepared statements, and
    /// for the start of a connection.
    pub statements: Vec<String>,
    /// The statements that it prepared.
    pub prepared: Vec<String>,
}

impl Flight {
    /// Returns whether the flight is one that a service sends periodically by itself: a readiness check or a listener's heartbeat.
    #[must_use]
    pub fn is_routine(&self) -> bool {
        let routine = |sql: &String| {
            sql.contains("current_setting('transaction_read_only')") || sql.contains("rowhouse_heartbeat")
        };
        let mut all = self.statements.iter().chain(&self.prepared).peekable();
        all.peek().is_some() && all.all(routine)
    }
}

type Rewrite = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

pub(super) struct Shared {
    pub(super) latency: Mutex<Duration>,
    pub(super) flights: Mutex<Vec<Flight>>,
    pub(super) rewrite: Mutex<Option<Rewrite>>,
    pub(super) refusing: Mutex<bool>,
    pub(super) stalled: watch::Sender<bool>,
    /// The number of cuts. A connection ends when it changes.
    cuts: watch::Sender<u64>,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            latency: Mutex::default(),
            flights: Mutex::default(),
            rewrite: Mutex::default(),
            refusing: Mutex::default(),
            stalled: watch::Sender::new(false),
            cuts: watch::Sender::new(0),
        }
    }
}

impl Shared {
    pub(super) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts = cuts.wrapping_add(1));
    }

    /// Returns a receiver that changes at the next cut. Each connection holds one, and their number is the number of connections.
    pub(super) fn next_cut(&self) -> watch::Receiver<u64> {
        self.cuts.subscribe()
    }

    pub(super) fn connections(&self) -> usize {
        self.cuts.receiver_count()
    }

    pub(super) async fn until_not_stalled(&self) {
        // `self` keeps the sender alive.
        let mut stalled = self.stalled.subscribe();
        let _ended = stalled.wait_for(|stalled| !stalled).await;
    }

    pub(super) fn rewritten(&self, sql: &str) -> Option<String> {
        let rewrite = self.rewrite.lock().unwrap().clone()?;
        rewrite(sql)
    }
}

/// The unanswered flight of one connection.
#[derive(Default)]
pub(super) struct Unanswered {
    spoken: AtomicBool,
    words: Mutex<Spoken>,
}

impl Unanswered {
    pub(super) fn speak(&self, spoken: Spoken) {
        self.words.lock().unwrap().extend(spoken);
        self.spoken.store(true, Ordering::SeqCst);
    }

    /// Ends the flight and returns it, or returns `None` if this is a further part of an answer.
    pub(super) fn answer(&self, connection: usize) -> Option<Flight> {
        let spoken = self.spoken.swap(false, Ordering::SeqCst);
        let Spoken { statements, prepared } =
            spoken.then(|| std::mem::take(&mut *self.words.lock().unwrap()))?;
        Some(Flight { connection, statements, prepared })
    }
}
