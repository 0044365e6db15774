//! Panics among the log's lines.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic;

/// Writes panics as log lines, so that who reads the log as JSON sees them too.
pub(super) fn log_them() {
    panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string);
        let message = panic.payload_as_str().unwrap_or("(no text)");
        // Only there when RUST_BACKTRACE asks for it.
        let backtrace = Backtrace::capture();
        let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
        tracing::error!(location, backtrace, "panic: {message}");
    }));
}
