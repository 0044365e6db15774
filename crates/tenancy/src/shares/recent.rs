//! [`Recent`], the memory of who asked lately.

use std::time::Duration;

use tokio::time::Instant;

use super::Party;

/// The time for which a party that asked for a place limits the others to their shares. A client pauses for milliseconds between
/// two requests: without this memory a busy party would take all places in each of these gaps.
const REMEMBERED: Duration = Duration::from_secs(1);

/// The two parties that asked last. They suffice to know, for each party, when another one asked last.
pub(super) struct Recent<P> {
    latest: Option<(P, Instant)>,
    another: Option<(P, Instant)>,
}

impl<P> Default for Recent<P> {
    fn default() -> Self {
        Self { latest: None, another: None }
    }
}

impl<P: Party> Recent<P> {
    /// Records that a party asked. Work without a party is not recorded: readiness asks every second, and would limit
    /// a tenant that is alone to its share for ever.
    pub(super) fn note(&mut self, party: Option<P>, now: Instant) {
        let Some(party) = party else { return };
        match &mut self.latest {
            Some((latest, at)) if *latest == party => *at = now,
            latest => self.another = latest.replace((party, now)),
        }
    }

    pub(super) fn is_other_active(&self, party: Option<P>, now: Instant) -> bool {
        [self.latest, self.another]
            .into_iter()
            .flatten()
            .any(|(other, at)| Some(other) != party && now.duration_since(at) < REMEMBERED)
    }
}
