//! A bound on streamed answers, which last for as long as their callers take to read them.

use rowhouse_tenancy::shares::{Permit, Shares};
use tonic::Status;

use super::{Admission, Applicant, Party};

/// The number of streamed answers at once, from all callers. Each holds some messages in memory, such as pieces of a file, and what they
/// are taken from.
pub(crate) const STREAMS: u16 = 32;
/// The number of them that one party has at most. A caller that does not read keeps its stream, so its party must not have them all.
const STREAMS_OF_PARTY: u16 = 8;

/// The right to a streamed answer, until it is dropped.
#[must_use = "others may have a stream when this is dropped"]
pub struct StreamPermit(#[expect(dead_code, reason = "it is dropped")] Permit<Party>);

/// The number of watches of a server's health at once, and of those that one party has at most. They are small, and last for as long as
/// their callers like.
const WATCHES: usize = 256;
const WATCHES_OF_PARTY: usize = 32;

pub(super) fn places() -> Shares<Party> {
    Shares::with_most(STREAMS.into(), STREAMS_OF_PARTY.into())
}

pub(super) fn watches() -> Shares<Party> {
    Shares::with_most(WATCHES, WATCHES_OF_PARTY)
}

impl Admission {
    /// Takes a place for a streamed answer, which the call's own place does not cover: that one is free when the answer begins. Fails
    /// with `OVERLOADED` at once if there is none, since nobody knows when a stream ends.
    pub fn enter_stream(&self, applicant: Applicant) -> Result<StreamPermit, Status> {
        let place = self.0.streams.take(Some(applicant.party), 1);
        place.map(StreamPermit).ok_or_else(|| self.overloaded(applicant))
    }

    /// Does the same for a stream about the server itself.
    pub(crate) fn enter_watch(&self, applicant: Applicant) -> Result<StreamPermit, Status> {
        let place = self.0.watches.take(Some(applicant.party), 1);
        place.map(StreamPermit).ok_or_else(|| self.overloaded(applicant))
    }
}
