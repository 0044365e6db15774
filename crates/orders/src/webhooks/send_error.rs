//! The reasons why a delivery got no answer.

use std::time::Duration;

/// The time for all of a request, from the name to the answer's head.
pub(super) const LIMIT: Duration = Duration::from_secs(15);

/// The reason why there is no answer. Tenants see it: it reveals nothing about this network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SendError {
    #[error("webhooks are not sent to the host's address: it is not one of the public Internet")]
    NotAllowed,
    #[error("the host's name has no address")]
    Unresolved,
    #[error("no connection could be made to the host")]
    Connect,
    #[error("TLS failed, or the certificate is not valid for the host")]
    Tls,
    #[error("the connection ended without a valid HTTP response")]
    NoAnswer,
    #[error("there was no answer within {} seconds", LIMIT.as_secs())]
    TimedOut,
    #[error("the request could not be made")]
    Request,
}
