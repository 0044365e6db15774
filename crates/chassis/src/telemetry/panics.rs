//! Logging of panics.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic;

/// Logs panics as log lines, so that they appear in JSON logs as well.
pub(super) fn log_them() {
    panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string);
        let message = panic.payload_as_str().unwrap_or("(no text)");
        // Captured only if RUST_BACKTRACE requests it.
        let backtrace = Backtrace::capture();
        let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
        tracing::error!(location, backtrace, "panic: {message}");
    }));
}
