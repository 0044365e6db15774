//! Being asked to stop.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How long what is running, calls and jobs alike, may take to finish once a process was asked to stop. After that it is given
/// up, so that a process with a few servers and a database is gone within ten seconds.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(7);

/// Knows whether the process, or a part of it, was asked to stop. Clones know the same.
#[derive(Clone, Debug)]
pub struct Shutdown {
    token: CancellationToken,
    limit: Duration,
}

/// Asks the [`Shutdown`] that it was made with to stop.
#[derive(Clone, Debug)]
pub struct Trigger {
    token: CancellationToken,
}

impl Shutdown {
    /// A shutdown, and what requests it. Dropping the trigger requests nothing.
    #[must_use]
    pub fn new() -> (Trigger, Self) {
        Self::within(DRAIN_LIMIT)
    }

    /// The same, with less time than [`DRAIN_LIMIT`] for what is running.
    #[must_use]
    pub fn within(limit: Duration) -> (Trigger, Self) {
        let token = CancellationToken::new();
        (Trigger { token: token.clone() }, Self { token, limit })
    }

    /// How long what is running may go on after the request.
    #[must_use]
    pub const fn limit(&self) -> Duration {
        self.limit
    }

    /// A shutdown that SIGTERM and SIGINT request. The second signal ends the process at once: who sends it
    /// does not want to wait any longer.
    ///
    /// Needs a tokio runtime.
    pub fn on_signals() -> io::Result<Self> {
        let (trigger, shutdown) = Self::new();
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::spawn(async move {
            let mut next = async || {
                tokio::select! {
                    _ = terminate.recv() => ("SIGTERM", 143),
                    _ = interrupt.recv() => ("SIGINT", 130),
                }
            };
            let (name, _) = next().await;
            tracing::info!(signal = name, "{name}: stopping");
            trigger.request();
            let (name, exit_code) = next().await;
            tracing::warn!(signal = name, "{name} again: giving up what is still running");
            std::process::exit(exit_code);
        });
        Ok(shutdown)
    }

    /// A shutdown of a part: requested with this one, and by a trigger of its own.
    #[must_use]
    pub fn child(&self) -> (Trigger, Self) {
        let token = self.token.child_token();
        (Trigger { token: token.clone() }, Self { token, limit: self.limit })
    }

    /// Waits until stopping is requested, without borrowing.
    pub fn into_requested(self) -> impl Future<Output = ()> + Send + 'static {
        self.token.cancelled_owned()
    }

    /// Waits until stopping is requested.
    pub async fn requested(&self) {
        self.token.cancelled().await;
    }

    /// Whether stopping was requested.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.token.is_cancelled()
    }
}

impl Trigger {
    /// Requests to stop; once or more is the same.
    pub fn request(&self) {
        self.token.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_clone_hears_of_it() {
        let (trigger, shutdown) = Shutdown::new();
        let clone = shutdown.clone();
        assert!(!clone.is_requested());
        let waiting = tokio::spawn(async move { clone.requested().await });
        trigger.request();
        trigger.request();
        waiting.await.unwrap();
        assert!(shutdown.is_requested());
        shutdown.requested().await;
    }

    #[tokio::test]
    async fn a_child_stops_with_its_parent_and_by_itself() {
        let (trigger, shutdown) = Shutdown::within(Duration::from_secs(3));
        let (own, first) = shutdown.child();
        let (_own, second) = shutdown.child();
        own.request();
        first.clone().into_requested().await;
        assert!(!shutdown.is_requested() && !second.is_requested());
        trigger.request();
        assert!(second.is_requested());
        assert_eq!(second.limit(), Duration::from_secs(3));
    }

    #[tokio::test]
    async fn a_dropped_trigger_requests_nothing() {
        let (trigger, shutdown) = Shutdown::new();
        drop(trigger);
        assert!(!shutdown.is_requested());
    }
}
