//! Waiting for letters.

use std::time::Duration;

use rowhouse_system::mailbox::Mailbox;

/// A letter is under way for some milliseconds, and for longer on a busy machine.
const LIMIT: Duration = Duration::from_secs(20);
const INTERVAL: Duration = Duration::from_millis(10);

/// A letter that has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// What it is about.
    pub subject: String,
    /// The text.
    pub body: String,
    /// The token for the API; empty when there is none.
    pub token: String,
    /// The link; empty when there is none.
    pub link: String,
}

/// The first letter to the address whose subject contains the text, as soon as it is there.
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
        panic!("no letter about {subject_contains:?} to {address} among {:?}", mailbox.letters())
    })
}

/// The letters to an address that have arrived, the oldest first.
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
