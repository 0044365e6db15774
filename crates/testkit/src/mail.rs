//! Waiting for emails.

use std::time::Duration;

use rowhouse_system::mailbox::Mailbox;

/// The time limit. Delivery takes some milliseconds, and longer on a busy machine.
const LIMIT: Duration = Duration::from_secs(20);
const INTERVAL: Duration = Duration::from_millis(10);

/// An email that has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
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
pub async fn wait_for(mailbox: &Mailbox, address: &str, subject_contains: &str) -> Letter {
    let arrives = async {
        loop {
            let letters = letters_to(mailbox, address);
            if let Some(letter) = letters.into_iter().find(|letter| letter.subject.contains(subject_contains))
            {
                return letter;
            }
            tokio::time::sleep(INTERVAL).await;
        }
    };
    tokio::time::timeout(LIMIT, arrives).await.unwrap_or_else(|_| {
        panic!("no email about {subject_contains:?} to {address} among {:?}", mailbox.letters())
    })
}

/// Returns the emails to an address that have arrived, the oldest first.
#[must_use]
pub fn letters_to(mailbox: &Mailbox, address: &str) -> Vec<Letter> {
    let letters = mailbox.letters().into_iter().filter(|letter| letter.to == address);
    letters
        .map(|letter| Letter {
            subject: letter.subject,
            body: letter.body,
            token: letter.token.unwrap_or_default(),
            link: letter.link.unwrap_or_default(),
        })
        .collect()
}
