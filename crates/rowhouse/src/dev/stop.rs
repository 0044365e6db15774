//! [`Stop`], which waits for a signal to stop.

use std::{fs, io};

use rowhouse_chassis::shutdown::Shutdown;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The requests to stop: SIGTERM, Ctrl-C, and the end of the terminal. All parts end with them.
pub(super) struct Stop {
    shutdown: Shutdown,
    /// `None` if the end of the terminal is ignored.
    hangup: Option<Signal>,
}

impl Stop {
    pub(super) fn on_signals() -> io::Result<Self> {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let hangup = if ignores_hangup(&status) { None } else { Some(signal(SignalKind::hangup())?) };
        Ok(Self { shutdown: Shutdown::on_signals()?, hangup })
    }

    pub(super) async fn requested(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.shutdown.requested() => {}
            _ = hangup => {}
        }
    }
}

/// Returns whether this process was started with nohup, as far as the system shows. Listening for the signal would
/// undo that.
fn ignores_hangup(status: &str) -> bool {
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_none_or(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nohup_is_heeded() {
        assert!(!ignores_hangup("Name:\trowhouse\nSigIgn:\t0000000000001000\n"));
        assert!(ignores_hangup("Name:\trowhouse\nSigIgn:\t0000000000001001\n"));
        assert!(ignores_hangup(""), "what is not known is left as it is");
    }
}
