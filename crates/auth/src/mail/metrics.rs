//! Metrics of emails.

use std::sync::LazyLock;

use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;
use rowhouse_chassis::telemetry::meter;
use rowhouse_jobs::Oldest;

/// The oldest email that is not sent yet.
pub(crate) const OLDEST_EMAIL: Oldest = Oldest {
    gauge: "rowhouse.emails.oldest_age",
    description: "Time since the oldest email that is not sent yet was enqueued",
    operation: "auth.oldest_email",
    query: "SELECT auth.oldest_email($1) AS seconds",
};

/// The result of an attempt to send an email, or to enqueue one.
#[derive(Clone, Copy, Debug)]
pub(super) enum EmailResult {
    /// The server took it.
    Delivered,
    /// It is tried again.
    Postponed,
    /// The server refused it for good.
    Failed,
    /// It was not enqueued: there were too many of its kind.
    Suppressed,
}

static EMAILS: LazyLock<Counter<u64>> = LazyLock::new(|| {
    meter()
        .u64_counter("rowhouse.emails")
        .with_unit("{email}")
        .with_description("Attempts to send emails, and emails that limits suppressed")
        .build()
});

/// Makes the counters begin at 0, so that the first failure is an increase.
pub(super) fn expect_emails() {
    for result in
        [EmailResult::Delivered, EmailResult::Postponed, EmailResult::Failed, EmailResult::Suppressed]
    {
        add(0, result);
    }
}

/// Counts an email.
pub(super) fn count(result: EmailResult) {
    add(1, result);
}

fn add(emails: u64, result: EmailResult) {
    let result = match result {
        EmailResult::Delivered => "delivered",
        EmailResult::Postponed => "postponed",
        EmailResult::Failed => "failed",
        EmailResult::Suppressed => "suppressed",
    };
    EMAILS.add(emails, &[KeyValue::new("rowhouse.email.result", result)]);
}
