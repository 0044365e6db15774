//! [`Failure`], the kinds of calls without an answer.

use std::error::Error;
use std::io;

use tonic::{ConnectError, TimeoutExpired};

/// The reason why a call has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// No connection could be made, so the call has not left.
    Unreachable,
    /// The connection ended before the instance accepted the call, as when the instance stops.
    NotAccepted,
    /// The connection ended when the instance may have begun.
    Lost,
    /// The call's time was over.
    Late,
}

impl Failure {
    pub(super) fn of(error: &tonic::transport::Error) -> Self {
        let mut sent = false;
        let mut cause: Option<&(dyn Error + 'static)> = Some(error);
        while let Some(one) = cause {
            if one.is::<TimeoutExpired>() {
                return Self::Late;
            }
            if one.is::<ConnectError>() {
                return Self::Unreachable;
            }
            if let Some(error) = one.downcast_ref::<hyper::Error>() {
                // hyper cancels a call only as long as it waits in its queue.
                if error.is_canceled() {
                    return Self::NotAccepted;
                }
                sent = true;
            }
            if one.downcast_ref::<h2::Error>().is_some_and(was_refused) {
                return Self::NotAccepted;
            }
            // The time limit of a connection is not among the errors of the connection itself.
            if !sent && one.downcast_ref::<io::Error>().is_some_and(|io| io.kind() == io::ErrorKind::TimedOut)
            {
                return Self::Unreachable;
            }
            cause = one.source();
        }
        Self::Lost
    }
}

/// Returns whether the peer said that it did not and will not process the stream (RFC 9113, sections 6.8 and 8.7). h2 reports a
/// peer's GOAWAY only to streams that are not among those which the peer processes.
fn was_refused(error: &h2::Error) -> bool {
    error.is_remote() && (error.is_go_away() || error.reason() == Some(h2::Reason::REFUSED_STREAM))
}
