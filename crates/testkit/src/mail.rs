//! Waiting for emails of a test system.

use std::time::Duration;

use rowhouse_system::mail_directory::MailDirectory;

/// The time limit. Delivery takes some milliseconds, and longer on a busy machine.
const LIMIT: Duration = Duration::from_secs(20);
const INTERVAL: Duration = Duration::from_millis(10);

/// An email that has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    /// The subject.
    pub subject: String,
    /// The text.
    pub body: String,
    /// The token for the API, or an empty text.
    pub token: String,
    /// The link, or an empty text.
    pub link: String,
}

/// Waits for an email to the address whose subject contains the text, and returns the first one.
pub async fn wait_for(mail_directory: &MailDirectory, address: &str, subject_contains: &str) -> Email {
    let arrives = async {
        loop {
            let messages = emails_to(mail_directory, address);
            if let Some(message) =
                messages.into_iter().find(|message| message.subject.contains(subject_contains))
            {
                return message;
            }
            tokio::time::sleep(INTERVAL).await;
        }
    };
    tokio::time::timeout(LIMIT, arrives).await.unwrap_or_else(|_| {
        panic!("no email about {subject_contains:?} to {address} among {:?}", mail_directory.emails())
    })
}

/// Returns the emails to an address that have arrived, the oldest first.
#[must_use]
pub fn emails_to(mail_directory: &MailDirectory, address: &str) -> Vec<Email> {
    let messages = mail_directory.emails().into_iter().filter(|message| message.to == address);
    messages
        .map(|message| Email {
            subject: message.subject,
            body: message.body,
            token: message.token.unwrap_or_default(),
            link: message.link.unwrap_or_default(),
        })
        .collect()
}
