//! What is done in the background, and when it is done.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::api::{Answer, Api};

const PATIENCE: Duration = Duration::from_secs(30);

/// The answer at the address, as soon as the field has the value; until then it may be refused.
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
