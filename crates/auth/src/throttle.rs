//! Slowing guessing down, without letting a stranger lock anybody out.
//!
//! An attempt counts against the account from its network, the network, the account and the tenant. What is shared
//! with strangers, the account and the tenant, is not looked at for a network from which the account was logged in to
//! before; and a device that has logged in before is counted by itself alone (OWASP: device cookies), so whatever
//! anybody else tries, from wherever, it gets in.

use rowhouse_chassis::client::Client;
use rowhouse_chassis::network::Network;
use rowhouse_tenancy::{DbError, GlobalTx, Transaction};

use crate::domain::{Counted, DeviceToken, EmailAddress, Limit};
use crate::sealing::{Digest32, Sealing};
use crate::store::attempts::{Admission, admit, forgive, forgive_once, is_familiar, remember_network};

/// Attempts on one account from one network.
const PAIR: i32 = 6;
/// Attempts from one network, behind which there may be a whole office.
const NETWORK: i32 = 60;
/// Attempts on one account from all networks that it does not know.
const ACCOUNT: i32 = 30;
/// Attempts in one tenant, where one password may be tried on many accounts.
const TENANT: i32 = 200;
/// Attempts on one account from a device that has logged in before.
const DEVICE: i32 = 6;

/// An attempt to log in, as far as it is counted.
pub(crate) struct Attempt<'a> {
    pub(crate) email: &'a EmailAddress,
    pub(crate) tenant: Option<&'a str>,
    pub(crate) client: &'a Client,
    /// The device's token, when it is this account's.
    pub(crate) device: Option<&'a DeviceToken>,
}

/// The outcome of counting an attempt.
pub(crate) struct Admitted {
    pub(crate) admission: Admission,
    pub(crate) counted: Counted,
    /// It comes from a device or a network that the account was logged in from before.
    pub(crate) known: bool,
}

/// The key under which it is remembered that an account was logged in to from a network.
pub(crate) fn familiar(sealing: &Sealing, email: &EmailAddress, network: Option<Network>) -> Digest32 {
    let network = network.map(|network| network.to_string()).unwrap_or_default();
    sealing.digest("familiar address", format!("{}\0{network}", email.as_str()).as_bytes())
}

impl Attempt<'_> {
    /// Forgets what was counted against the account, from everywhere and from the client's network: its person has
    /// shown in another way who they are.
    pub(crate) async fn forget(&self, sealing: &Sealing, tx: &mut GlobalTx) -> Result<(), DbError> {
        let own = [self.account(sealing).key, self.pair(sealing).key];
        forgive(tx, &own, &[]).await
    }

    fn account(&self, sealing: &Sealing) -> Limit {
        Limit::new(sealing, "attempts on an account", &[self.email.as_str()], ACCOUNT)
    }

    fn pair(&self, sealing: &Sealing) -> Limit {
        let network = self.client.network().map(|network| network.to_string()).unwrap_or_default();
        Limit::new(sealing, "attempts of a pair", &[self.email.as_str(), &network], PAIR)
    }

    /// Counts it.
    pub(crate) async fn admit(&self, sealing: &Sealing, tx: &mut GlobalTx) -> Result<Admitted, DbError> {
        let network = self.client.network();
        let familiar = familiar(sealing, self.email, network);
        let (own, shared, known) = if let Some(device) = self.device {
            let device = Limit::new(sealing, "attempts of a device", &[&device.id().to_string()], DEVICE);
            (vec![device], Vec::new(), true)
        } else {
            let mut shared = Limit::of_network(sealing, "attempts of an address", network, NETWORK);
            let known = is_familiar(tx, familiar).await?;
            if known {
                // The wider network is strangers' as well.
                shared.truncate(1);
            } else {
                shared.push(self.account(sealing));
                if let Some(tenant) = self.tenant {
                    shared.push(Limit::new(sealing, "attempts in a tenant", &[tenant], TENANT));
                }
            }
            (vec![self.pair(sealing)], shared, known)
        };
        let admission = admit(tx, &[own.clone(), shared.clone()].concat()).await?;
        let keys = |limits: Vec<Limit>| limits.into_iter().map(|limit| limit.key).collect();
        Ok(Admitted { admission, counted: Counted { own: keys(own), shared: keys(shared), familiar }, known })
    }
}

impl Counted {
    /// The attempt was a good one: it does not count, and its network is familiar from now on.
    pub(crate) async fn succeeded(&self, tx: &mut GlobalTx) -> Result<(), DbError> {
        forgive(tx, &self.own, &self.shared).await?;
        remember_network(tx, self.familiar).await
    }

    /// The same, when that was found out in a later call, which may come more than once.
    pub(crate) async fn succeeded_later(&self, tx: &mut impl Transaction) -> Result<(), DbError> {
        forgive_once(tx, &self.own, &self.shared).await?;
        remember_network(tx, self.familiar).await
    }
}
