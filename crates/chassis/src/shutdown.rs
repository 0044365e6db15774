//! [`Shutdown`], the request to stop.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The time for running calls and jobs to finish after a process was asked to stop. After that they are cancelled, so
/// that a process with a few servers and a database ends within ten seconds.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(7);

/// The request to stop the process, or a part of it. Clones share it.
#[derive(Clone, Debug)]
pub struct Shutdown {
    token: CancellationToken,
    limit: Duration,
}

/// Requests the stop of the [`Shutdown`] that it was created with.
#[derive(Clone, Debug)]
pub struct Trigger {
    token: CancellationToken,
}

impl Shutdown {
    /// Creates a shutdown and its trigger. Dropping the trigger requests nothing.
    #[must_use]
    pub fn new() -> (Trigger, Self) {
        Self::within(DRAIN_LIMIT)
    }

    /// Creates them with a shorter time than [`DRAIN_LIMIT`].
    #[must_use]
    pub fn within(limit: Duration) -> (Trigger, Self) {
        let token = CancellationToken::new();
        (Trigger { token: token.clone() }, Self { token, limit })
    }

    /// Returns the time for running work to finish after the request.
    #[must_use]
    pub const fn limit(&self) -> Duration {
        self.limit
    }

    /// Creates a shutdown that SIGTERM and SIGINT request. A second signal ends the process at once.
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
            tracing::warn!(signal = name, "{name} again: aborting what is still running");
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

    /// Waits until a stop is requested.
    pub async fn requested(&self) {
        self.token.cancelled().await;
    }

    /// Returns whether a stop was requested.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.token.is_cancelled()
    }
}

impl Trigger {
    /// Requests the stop. Further calls have no effect.
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
