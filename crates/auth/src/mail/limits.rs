//! Limits on emails, by recipient and cause. Every email is counted when it is enqueued: an [`OutgoingEmail`] is
//! created from a [`Permit`], which only [`admit`] returns.

mod invitations;

use std::time::Duration;

use rowhouse_chassis::network::Network;
use rowhouse_tenancy::{DbError, TenantId, Transaction};
use serde::{Deserialize, Serialize};

pub(crate) use invitations::{accepted, admit_founding, admit_invitation, no_longer_pending};

use super::EmailContent;
use super::metrics::{self, EmailResult};
use crate::domain::{Allowance, EmailAddress, InvalidEmailAddress, Rate, UserId};
use crate::encryption::EncryptionKeys;
use crate::store::allowances::spend;
use crate::store::attempts::is_familiar;
use crate::throttle::familiar;

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// Creates a rate of a burst and the time after which one more is allowed.
const fn rate(at_once: i32, every: Duration) -> Rate {
    Rate { at_once, every }
}

/// The limits, which `docs/security.md` lists in the same form; a test compares them. One cause never uses up the
/// allowance of another.
pub(super) const LIMITS: [(Cause, Against, Rate); 12] = [
    (Cause::Stranger, Against::Recipient, rate(5, HOUR.saturating_mul(2))),
    (Cause::Stranger, Against::Network, rate(60, MINUTE)),
    (Cause::Member, Against::Recipient, rate(5, HOUR.saturating_mul(2))),
    (Cause::Member, Against::Network, rate(200, MINUTE)),
    (Cause::Member, Against::Person, rate(50, MINUTE.saturating_mul(2))),
    (Cause::Member, Against::Tenant, rate(100, MINUTE.saturating_mul(5))),
    (Cause::Recipient, Against::Recipient, rate(20, MINUTE.saturating_mul(10))),
    (Cause::Recipient, Against::Network, rate(200, MINUTE)),
    (Cause::Recipient, Against::Person, rate(20, MINUTE.saturating_mul(10))),
    (Cause::Recipient, Against::Tenant, rate(200, MINUTE)),
    (Cause::System, Against::RecipientInTenant, rate(20, MINUTE.saturating_mul(10))),
    (Cause::System, Against::Tenant, rate(200, MINUTE)),
];

/// The cause of an email.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    Stranger,
    Member,
    Recipient,
    System,
}

/// A subject that emails are counted against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Against {
    Recipient,
    /// The recipient's address, separately in each tenant.
    RecipientInTenant,
    Network,
    Person,
    Tenant,
}

/// The requester of an email, who is accountable for it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Requester {
    /// Somebody who has not proved who they are, in this network. `None` for the second email of one request.
    Stranger { network: Option<Network> },
    /// A member, for an email to somebody else.
    Member { person: UserId, tenant: TenantId, network: Option<Network> },
    /// The recipient, for an email about their own action.
    Recipient { person: UserId, tenant: Option<TenantId>, network: Option<Network> },
    /// The system, for an email about an event in a tenant. Members can cause any number of these, so they do not use
    /// a person's own allowance.
    System { tenant: TenantId },
}

/// The permission to send one email to an address. It has been counted.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Permit {
    email: String,
}

impl Permit {
    pub(crate) fn recipient(&self) -> Result<EmailAddress, InvalidEmailAddress> {
        self.email.parse()
    }

    pub(crate) fn email(self, content: EmailContent) -> OutgoingEmail {
        OutgoingEmail { to: self.email, content }
    }
}

/// An email that may be sent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OutgoingEmail {
    to: String,
    // The name in stored payloads.
    #[serde(rename = "letter")]
    content: EmailContent,
}

impl OutgoingEmail {
    pub(crate) fn recipient(&self) -> Result<EmailAddress, InvalidEmailAddress> {
        self.to.parse()
    }

    pub(crate) const fn content(&self) -> &EmailContent {
        &self.content
    }
}

/// The error for too many emails. Strangers do not get it; others have to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany {
    pub(crate) wait: Duration,
}

/// Counts an email to an address. If there were too many, it returns an error and counts nothing.
pub(crate) async fn admit(
    tx: &mut impl Transaction,
    encryption: &EncryptionKeys,
    requester: Requester,
    to: &EmailAddress,
) -> Result<Result<Permit, TooMany>, DbError> {
    let allowances = requester.allowances(tx, encryption, to).await?;
    count(tx, &allowances, to).await
}

async fn count(
    tx: &mut impl Transaction,
    allowances: &[Allowance],
    to: &EmailAddress,
) -> Result<Result<Permit, TooMany>, DbError> {
    Ok(match spend(tx, allowances).await? {
        Some(wait) => {
            metrics::count(EmailResult::Suppressed);
            Err(TooMany { wait })
        }
        None => Ok(Permit { email: to.as_str().to_owned() }),
    })
}

impl Requester {
    async fn allowances(
        self,
        tx: &mut impl Transaction,
        encryption: &EncryptionKeys,
        to: &EmailAddress,
    ) -> Result<Vec<Allowance>, DbError> {
        // Strangers' requests do not use the person's own allowance from a network where the person is known.
        let known = match self {
            Self::Stranger { network: network @ Some(_) } => {
                is_familiar(tx, familiar(encryption, to, network)).await?
            }
            Self::Stranger { network: None }
            | Self::Member { .. }
            | Self::Recipient { .. }
            | Self::System { .. } => false,
        };
        let limits = LIMITS.iter().filter(|(cause, ..)| *cause == self.cause());
        Ok(limits
            .flat_map(|(_, against, rate)| self.allowance(encryption, to, known, *against, *rate))
            .collect())
    }

    const fn cause(self) -> Cause {
        match self {
            Self::Stranger { .. } => Cause::Stranger,
            Self::Member { .. } => Cause::Member,
            Self::Recipient { .. } => Cause::Recipient,
            Self::System { .. } => Cause::System,
        }
    }

    const fn network(self) -> Option<Network> {
        match self {
            Self::Stranger { network } | Self::Member { network, .. } | Self::Recipient { network, .. } => {
                network
            }
            Self::System { .. } => None,
        }
    }

    const fn tenant(self) -> Option<TenantId> {
        match self {
            Self::Member { tenant, .. } | Self::System { tenant } => Some(tenant),
            Self::Recipient { tenant, .. } => tenant,
            Self::Stranger { .. } => None,
        }
    }

    fn allowance(
        self,
        encryption: &EncryptionKeys,
        to: &EmailAddress,
        known: bool,
        against: Against,
        rate: Rate,
    ) -> Vec<Allowance> {
        let cause = match self.cause() {
            Cause::Stranger if known => "strangers, from where the person is known",
            Cause::Stranger => "strangers",
            Cause::Member => "members",
            Cause::Recipient => "recipients",
            Cause::System => "the system",
        };
        let one = |purpose, of: &str| vec![Allowance::new(encryption, purpose, &[cause, of], rate)];
        let tenant = self.tenant().map(|tenant| tenant.to_string());
        match (against, self) {
            (Against::Recipient, _) => one("mail to an address", to.as_str()),
            (Against::RecipientInTenant, _) => {
                let Some(tenant) = tenant else { return Vec::new() };
                vec![Allowance::new(
                    encryption,
                    "mail of a tenant to an address",
                    &[cause, &tenant, to.as_str()],
                    rate,
                )]
            }
            (Against::Network, _) => {
                let Some(network) = self.network() else { return Vec::new() };
                let purpose = match self.cause() {
                    Cause::Stranger => "mail that strangers ask for from a network",
                    Cause::Member => "mail that members ask for from a network",
                    Cause::Recipient | Cause::System => "mail about what people did in a network",
                };
                Allowance::of_network(encryption, purpose, Some(network), rate)
            }
            (Against::Person, Self::Member { person, .. } | Self::Recipient { person, .. }) => {
                one("mail of a person", &person.to_string())
            }
            (Against::Tenant, _) => tenant.map(|tenant| one("mail of a tenant", &tenant)).unwrap_or_default(),
            (Against::Person, Self::Stranger { .. } | Self::System { .. }) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::encryption::tests::encryption;

    /// Returns a row of the table in `docs/security.md`.
    fn row((cause, against, rate): (Cause, Against, Rate)) -> String {
        let cause = match cause {
            Cause::Stranger => "a stranger",
            Cause::Member => "a member, to somebody else",
            Cause::Recipient => "the recipient",
            Cause::System => "the system, to an administrator",
        };
        let against = match against {
            Against::Recipient => "the recipient's address",
            Against::RecipientInTenant => "the recipient's address, in one tenant",
            Against::Network => "the network",
            Against::Person => "the person",
            Against::Tenant => "the tenant",
        };
        let Rate { at_once, every } = rate;
        let every = match every.as_secs() / 60 {
            1 => "minute".to_owned(),
            minutes if minutes % 60 == 0 => format!("{} hours", minutes / 60),
            minutes => format!("{minutes} minutes"),
        };
        format!("| {cause} | {against} | {at_once} | {every} |")
    }

    #[test]
    fn the_documentation_has_the_table() {
        let text = include_str!("../../../../docs/security.md");
        for limit in LIMITS {
            assert!(text.lines().any(|line| line == row(limit)), "docs/security.md lacks {}", row(limit));
        }
    }

    #[test]
    fn no_limit_is_counted_twice_and_each_cause_counts_apart() {
        let (encryption, to) = (encryption(), "ada@example.com".parse().unwrap());
        let (person, tenant) = (UserId::generate(), TenantId::generate());
        let network = Some(Network::from("2001:db8::1".parse::<std::net::IpAddr>().unwrap()));
        let mut keys = HashSet::new();
        let mut all = 0;
        for (requester, known) in [
            (Requester::Stranger { network }, false),
            (Requester::Member { person, tenant, network }, false),
            (Requester::Recipient { person, tenant: Some(tenant), network }, false),
            (Requester::System { tenant }, false),
        ] {
            for (_, against, rate) in LIMITS.iter().filter(|(cause, ..)| *cause == requester.cause()) {
                for allowance in requester.allowance(&encryption, &to, known, *against, *rate) {
                    all += 1;
                    keys.insert(allowance.key);
                }
            }
        }
        // Each network and the wider one around it.
        assert_eq!((keys.len(), all), (LIMITS.len() + 3, LIMITS.len() + 3));
        let stranger = Requester::Stranger { network };
        let rate = LIMITS[0].2;
        assert_ne!(
            stranger.allowance(&encryption, &to, true, Against::Recipient, rate),
            stranger.allowance(&encryption, &to, false, Against::Recipient, rate),
        );
    }
}
