//! Calls that only wait give their place to others.

use std::cell::Cell;

use super::Place;

tokio::task_local! {
    static PLACE: Cell<Option<Place>>;
}

/// Runs a call that has a place, and frees the place at its end or when it steps aside.
pub async fn while_admitted<T>(place: Place, call: impl Future<Output = T>) -> T {
    PLACE.scope(Cell::new(Some(place)), call).await
}

/// Frees the place of the current call, which goes on without it. For calls that only wait from now on: for a pause, for a queue
/// with a limit of its own, for a job. Nothing happens outside of a call.
pub fn step_aside() {
    let _outside = PLACE.try_with(|place| drop(place.take()));
}
