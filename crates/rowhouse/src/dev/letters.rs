//! Printing new emails, whose links are followed from the terminal in development.

use std::collections::HashSet;
use std::io::{self, Write};
use std::time::Duration;

use tokio::task::JoinHandle;

use rowhouse_system::mailbox::{Letter, Mailbox};

/// The interval at which the mailbox is read.
const INTERVAL: Duration = Duration::from_millis(300);

/// Prints emails until it is dropped.
pub(super) struct Letters {
    watching: JoinHandle<()>,
}

impl Letters {
    /// Prints emails that arrive from now on. Earlier ones were printed when they arrived.
    pub(super) fn announce(mailbox: Mailbox) -> Self {
        let known: HashSet<_> = mailbox.names().into_iter().collect();
        Self { watching: tokio::spawn(watch(mailbox, known)) }
    }
}

impl Drop for Letters {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

async fn watch(mailbox: Mailbox, mut known: HashSet<String>) {
    loop {
        tokio::time::sleep(INTERVAL).await;
        for name in mailbox.names() {
            if known.insert(name.clone())
                && let Some(letter) = mailbox.read(&name)
                && let Err(error) = show(&letter)
            {
                tracing::debug!(%error, "nobody reads of the letters");
            }
        }
    }
}

fn show(letter: &Letter) -> io::Result<()> {
    let Letter { to, subject, link, .. } = letter;
    let link = link.as_deref().unwrap_or_default();
    writeln!(io::stdout().lock(), "mail to {to}: {subject} {link}")
}
