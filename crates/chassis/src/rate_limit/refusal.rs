//! [`Refusal`], the answer to a request over a limit.

use std::time::Duration;

use tokio::time::sleep;
use tonic::Status;

use crate::admission::step_aside;

/// The shortest pause before a refusal, and the difference to the longest.
const PAUSE: Duration = Duration::from_millis(250);
const SPREAD: Duration = Duration::from_millis(500);

/// A refusal, which is answered after a pause. Otherwise a caller that sends the next request as soon as it has an
/// answer would keep a processor busy with refusals.
#[derive(Clone, Debug)]
#[must_use = "a refusal has to be answered with"]
pub struct Refusal(pub(super) Status);

impl Refusal {
    /// Returns the answer after the pause. The pauses differ, so that callers that were refused together do not come
    /// back together.
    pub async fn answer(self) -> Status {
        let mut random = [128];
        // Without randomness the pauses are all the same.
        if let Err(error) = getrandom::fill(&mut random) {
            tracing::warn!(%error, "there is no randomness");
        }
        let [random] = random;
        step_aside();
        sleep(PAUSE + SPREAD.mul_f64(f64::from(random) / f64::from(u8::MAX))).await;
        self.0
    }
}
