//! When to stop.

use std::io;

use rowhouse_chassis::shutdown::Shutdown;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM, Ctrl-C, and the end of the terminal: whatever was started must not outlive any of them.
pub(super) struct Stop {
    shutdown: Shutdown,
    hangup: Signal,
}

impl Stop {
    pub(super) fn on_signals() -> io::Result<Self> {
        Ok(Self { shutdown: Shutdown::on_signals()?, hangup: signal(SignalKind::hangup())? })
    }

    pub(super) async fn requested(&mut self) {
        tokio::select! {
            () = self.shutdown.requested() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
