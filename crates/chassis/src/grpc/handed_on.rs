//! The mark of a request that another service has answered, which then writes its log line.

use std::cell::Cell;

tokio::task_local! {
    static HANDED_ON: Cell<bool>;
}

/// Runs `request`, within which [`was_handed_on`] tells whether a service has answered one of its calls.
pub async fn watch_calls<T>(request: impl Future<Output = T>) -> T {
    HANDED_ON.scope(Cell::new(false), request).await
}

/// Returns whether a service has answered a call of the current request.
#[must_use]
pub fn was_handed_on() -> bool {
    HANDED_ON.try_with(Cell::get).unwrap_or(false)
}

/// Notes that a service has answered a call of the current request, if there is one.
pub(super) fn note() {
    // Other tasks make calls, too.
    let _none = HANDED_ON.try_with(|answered| answered.set(true));
}
