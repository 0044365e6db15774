//! What the connections of a proxy have in common.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;

/// What a client said until it was answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flight {
    /// Which connection, counted from 0.
    pub connection: usize,
    /// The statements that were run in it, as they reached the server; empty when statements were prepared only, and
    /// for what is said at a connection's beginning.
    pub statements: Vec<String>,
}

impl Flight {
    /// Whether it is what a service says by itself, by the clock: that it asks for its readiness, and that it listens.
    #[must_use]
    pub fn is_routine(&self) -> bool {
        let routine = |sql: &String| {
            sql.contains("current_setting('transaction_read_only')") || sql.contains("rowhouse_heartbeat")
        };
        !self.statements.is_empty() && self.statements.iter().all(routine)
    }
}

type Rewrite = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

pub(super) struct Shared {
    pub(super) latency: Mutex<Duration>,
    pub(super) flights: Mutex<Vec<Flight>>,
    pub(super) rewrite: Mutex<Option<Rewrite>>,
    pub(super) refusing: Mutex<bool>,
    pub(super) stalled: watch::Sender<bool>,
    /// Counts the cuts; a connection ends when it changes.
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

    /// Ends with the next cut. A connection is counted by holding it.
    pub(super) fn next_cut(&self) -> watch::Receiver<u64> {
        self.cuts.subscribe()
    }

    pub(super) fn connections(&self) -> usize {
        self.cuts.receiver_count()
    }

    pub(super) async fn until_not_stalled(&self) {
        // The sender lives as long as this does.
        let mut stalled = self.stalled.subscribe();
        let _ended = stalled.wait_for(|stalled| !stalled).await;
    }

    pub(super) fn rewritten(&self, sql: &str) -> Option<String> {
        let rewrite = self.rewrite.lock().unwrap().clone()?;
        rewrite(sql)
    }
}

/// One connection's unanswered flight.
#[derive(Default)]
pub(super) struct Unanswered {
    spoken: AtomicBool,
    statements: Mutex<Vec<String>>,
}

impl Unanswered {
    pub(super) fn speak(&self, statements: Vec<String>) {
        self.statements.lock().unwrap().extend(statements);
        self.spoken.store(true, Ordering::SeqCst);
    }

    /// The flight that ends with an answer; None when the answer only goes on.
    pub(super) fn answer(&self, connection: usize) -> Option<Flight> {
        let spoken = self.spoken.swap(false, Ordering::SeqCst);
        spoken
            .then(|| Flight { connection, statements: std::mem::take(&mut self.statements.lock().unwrap()) })
    }
}
