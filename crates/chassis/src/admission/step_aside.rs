//! Calls that only wait give their place to others.

use std::cell::Cell;

use super::CallPermit;

tokio::task_local! {
    static PERMIT: Cell<Option<CallPermit>>;
}

/// Runs a call that has a place, and frees the place when its answer begins or when it steps aside.
pub async fn while_admitted<T>(permit: CallPermit, call: impl Future<Output = T>) -> T {
    PERMIT.scope(Cell::new(Some(permit)), call).await
}

/// Frees the place of the current call, which goes on without it. For calls that only wait from now on: for a pause, for a queue
/// with a limit of its own, for a job. Nothing happens outside of a call.
pub fn step_aside() {
    let _outside = PERMIT.try_with(|permit| drop(permit.take()));
}
