//! Waiting for background work.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::api::{Answer, Api};

const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until the field of the answer has the value; until then the request may be refused.
pub(crate) async fn until(api: &Api, path: &str, field: &str, value: &str) -> Answer {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = api.get(path).send().await;
        if answer.body[field] == value {
            return answer;
        }
        assert!(Instant::now() < deadline, "{}", answer.text);
        sleep(Duration::from_millis(20)).await;
    }
}
