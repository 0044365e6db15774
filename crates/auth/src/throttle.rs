//! Slowing guessing down, without letting a stranger lock anybody out.
//!
//! An attempt counts against the account from its address, the address, the account and the tenant. What is shared
//! with strangers, the account and the tenant, is not looked at for an address from which the account was logged in to
//! before; and a device that has logged in before is counted by itself alone (OWASP: device cookies), so whatever
//! anybody else tries, from wherever, it gets in.

use rowhouse_chassis::client::Client;
use rowhouse_tenancy::{DbError, GlobalTx, Transaction};

use crate::domain::{Counted, DeviceToken, EmailAddress};
use crate::sealing::Sealing;
use crate::store::attempts::{Admission, Limit, admit, forgive, forgive_once, is_familiar, remember_address};

/// Attempts on one account from one address.
const FREE_PAIR: i32 = 6;
/// Attempts from one address, behind which there may be a whole office.
const FREE_ADDRESS: i32 = 60;
/// Attempts on one account from all addresses that it does not know.
const FREE_ACCOUNT: i32 = 30;
/// Attempts in one tenant, where one password may be tried on many accounts.
const FREE_TENANT: i32 = 200;
/// Attempts on one account from a device that has logged in before.
const FREE_DEVICE: i32 = 6;

/// An attempt to log in, as far as it is counted.
pub(crate) struct Attempt<'a> {
    pub(crate) email: &'a EmailAddress,
    pub(crate) tenant: Option<&'a str>,
    pub(crate) client: &'a Client,
    /// The device's token, when it is this account's.
    pub(crate) device: Option<&'a DeviceToken>,
}

impl Attempt<'_> {
    /// Forgets what was counted against the account, from everywhere and from the client's address: its person has
    /// shown in another way who they are.
    pub(crate) async fn forget(&self, sealing: &Sealing, tx: &mut GlobalTx) -> Result<(), DbError> {
        let address = self.client.address.map(|address| address.to_string()).unwrap_or_default();
        let key = |purpose, parts: &[&str]| {
            let data = parts.iter().flat_map(|part| [part.as_bytes(), b"\0"]).collect::<Vec<_>>().concat();
            sealing.digest(purpose, &data)
        };
        let email = self.email.as_str();
        let own = [key("attempts on an account", &[email]), key("attempts of a pair", &[email, &address])];
        forgive(tx, &own, &[]).await
    }

    /// Counts it. Says how long to wait if it is turned away.
    pub(crate) async fn admit(
        &self,
        sealing: &Sealing,
        tx: &mut GlobalTx,
    ) -> Result<(Admission, Counted), DbError> {
        let limit = |purpose, parts: &[&str], free| {
            let data = parts.iter().flat_map(|part| [part.as_bytes(), b"\0"]).collect::<Vec<_>>().concat();
            Limit { key: sealing.digest(purpose, &data), free }
        };
        let email = self.email.as_str();
        let address = self.client.address.map(|address| address.to_string()).unwrap_or_default();
        let familiar = sealing.digest("familiar address", format!("{email}\0{address}").as_bytes());
        let (own, shared) = if let Some(device) = self.device {
            (vec![limit("attempts of a device", &[&device.id().to_string()], FREE_DEVICE)], Vec::new())
        } else {
            let own = vec![limit("attempts of a pair", &[email, &address], FREE_PAIR)];
            let mut shared = vec![limit("attempts of an address", &[&address], FREE_ADDRESS)];
            if !is_familiar(tx, familiar).await? {
                shared.push(limit("attempts on an account", &[email], FREE_ACCOUNT));
                if let Some(tenant) = self.tenant {
                    shared.push(limit("attempts in a tenant", &[tenant], FREE_TENANT));
                }
            }
            (own, shared)
        };
        let admission = admit(tx, &[own.clone(), shared.clone()].concat()).await?;
        let keys = |limits: Vec<Limit>| limits.into_iter().map(|limit| limit.key).collect();
        Ok((admission, Counted { own: keys(own), shared: keys(shared), familiar }))
    }
}

impl Counted {
    /// The attempt was a good one: it does not count, and its address is familiar from now on.
    pub(crate) async fn succeeded(&self, tx: &mut GlobalTx) -> Result<(), DbError> {
        forgive(tx, &self.own, &self.shared).await?;
        remember_address(tx, self.familiar).await
    }

    /// The same, when that was found out in a later call, which may come more than once.
    pub(crate) async fn succeeded_later(&self, tx: &mut impl Transaction) -> Result<(), DbError> {
        forgive_once(tx, &self.own, &self.shared).await?;
        remember_address(tx, self.familiar).await
    }
}
