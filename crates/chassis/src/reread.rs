//! Reading files again that change while a program runs, such as mounted Secrets.

use std::fmt::Display;
use std::time::Duration;

/// The interval at which files are read. They are small, and a mounted Secret sends no notification.
const INTERVAL: Duration = Duration::from_secs(1);

/// Calls `reload` every second, for ever. A failure leaves things as they are and is logged once, until another one or a success
/// follows. `subject`, such as `the encryption keys`, begins the sentence.
pub(crate) async fn follow<F, E>(subject: &str, mut reload: impl FnMut() -> F)
where
    F: Future<Output = Result<(), E>>,
    E: Display,
{
    let mut complaint = None;
    loop {
        tokio::time::sleep(INTERVAL).await;
        match reload().await {
            Ok(()) => complaint = None,
            Err(error) => {
                let error = error.to_string();
                if complaint.as_ref() != Some(&error) {
                    tracing::warn!("{subject} stay as they are: {error}");
                    complaint = Some(error);
                }
            }
        }
    }
}
