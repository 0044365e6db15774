//! Printing new emails, whose links are followed from the terminal in development.

use std::collections::HashSet;
use std::io::{self, Write};
use std::time::Duration;

use tokio::task::JoinHandle;

use rowhouse_system::mail_directory::{MailDirectory, ReceivedEmail};

/// The interval at which the directory is read.
const INTERVAL: Duration = Duration::from_millis(300);

/// Prints emails until it is dropped.
pub(super) struct EmailPrinter {
    watching: JoinHandle<()>,
}

impl EmailPrinter {
    /// Prints emails that arrive from now on. Earlier ones were printed when they arrived.
    pub(super) fn announce(mail_directory: MailDirectory) -> Self {
        let known: HashSet<_> = mail_directory.names().into_iter().collect();
        Self { watching: tokio::spawn(watch(mail_directory, known)) }
    }
}

impl Drop for EmailPrinter {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

async fn watch(mail_directory: MailDirectory, mut known: HashSet<String>) {
    loop {
        tokio::time::sleep(INTERVAL).await;
        for name in mail_directory.names() {
            if known.insert(name.clone())
                && let Some(email) = mail_directory.read(&name)
                && let Err(error) = show(&email)
            {
                tracing::debug!(%error, "an email could not be printed");
            }
        }
    }
}

fn show(email: &ReceivedEmail) -> io::Result<()> {
    let ReceivedEmail { to, subject, link, .. } = email;
    let link = link.as_deref().unwrap_or_default();
    writeln!(io::stdout().lock(), "mail to {to}: {subject} {link}")
}
