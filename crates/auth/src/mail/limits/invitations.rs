//! Invitations that are pending: while an address has one, a sign-up with it sends no other.

use std::time::Duration;

use rowhouse_chassis::network::Network;
use rowhouse_tenancy::{DbError, Transaction};

use super::{Permit, Requester, TooMany, admit, count, rate};
use crate::domain::{Allowance, EmailAddress, Rate};
use crate::sealing::Sealing;
use crate::store::allowances::{fill, refill};

/// How long an invitation is good.
const INVITATION_LIFETIME: Duration = Duration::from_hours(7 * 24);
/// The one invitation by a sign-up that an address has at a time.
const PENDING: Rate = rate(1, INVITATION_LIFETIME);
/// Nothing is counted: a sign-up only has to find that no member's invitation is pending.
const ONLY_LOOKED_AT: Rate = rate(1, Duration::ZERO);

/// Counts an invitation by a member, for the lifetime of which no sign-up sends another.
pub(crate) async fn admit_invitation(
    tx: &mut impl Transaction,
    sealing: &Sealing,
    member: Requester,
    to: &EmailAddress,
) -> Result<Result<Permit, TooMany>, DbError> {
    let admitted = admit(tx, sealing, member, to).await?;
    if admitted.is_ok() {
        fill(tx, invited(sealing, to).key, INVITATION_LIFETIME).await?;
    }
    Ok(admitted)
}

/// Counts an invitation by somebody who signs up: while one is pending, also a member's, there is no other.
pub(crate) async fn admit_founding(
    tx: &mut impl Transaction,
    sealing: &Sealing,
    network: Option<Network>,
    to: &EmailAddress,
) -> Result<Result<Permit, TooMany>, DbError> {
    let mut allowances = Requester::Stranger { network }.allowances(tx, sealing, to).await?;
    allowances.extend([pending(sealing, to), invited(sealing, to)]);
    count(tx, &allowances, to).await
}

/// Somebody who reads the mail of the address has accepted an invitation. A member who takes theirs back does not get here: they
/// could have an address written to again and again.
pub(crate) async fn accepted(
    tx: &mut impl Transaction,
    sealing: &Sealing,
    to: &EmailAddress,
) -> Result<(), DbError> {
    refill(tx, &[pending(sealing, to).key, invited(sealing, to).key]).await
}

/// The invitation by a sign-up that an address had is pending no more.
pub(crate) async fn no_longer_pending(
    tx: &mut impl Transaction,
    sealing: &Sealing,
    to: &EmailAddress,
) -> Result<(), DbError> {
    refill(tx, &[pending(sealing, to).key]).await
}

fn pending(sealing: &Sealing, to: &EmailAddress) -> Allowance {
    Allowance::new(sealing, "pending invitation by a sign-up", &[to.as_str()], PENDING)
}

fn invited(sealing: &Sealing, to: &EmailAddress) -> Allowance {
    Allowance::new(sealing, "pending invitation by a member", &[to.as_str()], ONLY_LOOKED_AT)
}
