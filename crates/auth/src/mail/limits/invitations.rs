//! Pending invitations: while an address has one, sign-ups with it send no other.

use std::time::Duration;

use rowhouse_chassis::network::Network;
use rowhouse_tenancy::{DbError, Transaction};

use super::{Permit, Requester, TooMany, admit, count, rate};
use crate::domain::{Allowance, EmailAddress, Rate};
use crate::encryption::EncryptionKeys;
use crate::store::allowances::{fill, refill};

/// The lifetime of an invitation.
const INVITATION_LIFETIME: Duration = Duration::from_hours(7 * 24);
/// The rate of invitations by sign-up for an address: one at a time.
const PENDING: Rate = rate(1, INVITATION_LIFETIME);
/// A rate that counts nothing: a sign-up only checks that no member's invitation is pending.
const ONLY_LOOKED_AT: Rate = rate(1, Duration::ZERO);

/// Counts an invitation by a member, during whose lifetime no sign-up sends another.
pub(crate) async fn admit_invitation(
    tx: &mut impl Transaction,
    encryption: &EncryptionKeys,
    member: Requester,
    to: &EmailAddress,
) -> Result<Result<Permit, TooMany>, DbError> {
    let admitted = admit(tx, encryption, member, to).await?;
    if admitted.is_ok() {
        fill(tx, invited(encryption, to).key, INVITATION_LIFETIME).await?;
    }
    Ok(admitted)
}

/// Counts an invitation by a sign-up. While any invitation is pending, also a member's, there is no other.
pub(crate) async fn admit_founding(
    tx: &mut impl Transaction,
    encryption: &EncryptionKeys,
    network: Option<Network>,
    to: &EmailAddress,
) -> Result<Result<Permit, TooMany>, DbError> {
    let mut allowances = Requester::Stranger { network }.allowances(tx, encryption, to).await?;
    allowances.extend([pending(encryption, to), invited(encryption, to)]);
    count(tx, &allowances, to).await
}

/// Records that an invitation was accepted, which proves that the email was read. It is not called when a member
/// deletes an invitation, since members could otherwise cause emails to an address repeatedly.
pub(crate) async fn accepted(
    tx: &mut impl Transaction,
    encryption: &EncryptionKeys,
    to: &EmailAddress,
) -> Result<(), DbError> {
    refill(tx, &[pending(encryption, to).key, invited(encryption, to).key]).await
}

/// Records that the address's invitation by a sign-up is not pending any more.
pub(crate) async fn no_longer_pending(
    tx: &mut impl Transaction,
    encryption: &EncryptionKeys,
    to: &EmailAddress,
) -> Result<(), DbError> {
    refill(tx, &[pending(encryption, to).key]).await
}

fn pending(encryption: &EncryptionKeys, to: &EmailAddress) -> Allowance {
    Allowance::new(encryption, "pending invitation by a sign-up", &[to.as_str()], PENDING)
}

fn invited(encryption: &EncryptionKeys, to: &EmailAddress) -> Allowance {
    Allowance::new(encryption, "pending invitation by a member", &[to.as_str()], ONLY_LOOKED_AT)
}
