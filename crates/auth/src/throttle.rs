//! Slowing guessing down, without letting a stranger lock anybody out.
//!
//! An attempt counts against the account from its network, the network, the account and the tenant. What is shared
//! with strangers, the account and the tenant, is not looked at for a network from which the account was logged in to
//! before; and a device that has logged in before is counted by itself alone (OWASP: device cookies), so whatever
//! anybody else tries, from wherever, it gets in.

use chrono::{DateTime, Utc};
use rowhouse_chassis::client::Client;
use rowhouse_chassis::cpu_pool::CpuPoolError;
use rowhouse_chassis::network::Network;
use rowhouse_tenancy::{DbError, GlobalTx, TenantDb, Transaction};

use crate::domain::{Counted, DeviceToken, EmailAddress, Limit, UserId};
use crate::error::Error;
use crate::hashing::HashingError;
use crate::sealing::{Digest32, Sealing};
use crate::store::attempts::{
    Admission, admit, forgive, forgive_once, is_familiar, remember_network, take_back,
};

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
/// Attempts of a person to change their password, from wherever their sessions are.
const CHANGES: i32 = 6;

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
    pub(crate) guess: Guess,
    /// It comes from a device or a network that the account was logged in from before.
    pub(crate) known: bool,
}

/// An attempt that was counted, as long as nobody has looked at it.
#[derive(Clone, Debug)]
pub(crate) struct Guess {
    keys: Vec<Digest32>,
    /// Nothing when it was refused, and so not counted.
    counted_at: Option<DateTime<Utc>>,
}

impl Guess {
    pub(crate) fn new(limits: &[Limit], admission: Admission) -> Self {
        Self { keys: limits.iter().map(|limit| limit.key).collect(), counted_at: admission.counted_at }
    }

    /// Whether the password is to be looked at.
    pub(crate) const fn is_admitted(&self) -> bool {
        self.counted_at.is_some()
    }

    /// Hands on what looking at the password came to. When it came to nothing, since too many passwords were waiting, the attempt
    /// does not count: nobody is to wait longer for having come at a bad moment. It takes one attempt back and clears no counter,
    /// so there is nothing in it for who guesses.
    pub(crate) async fn looked_at<T>(
        &self,
        db: &TenantDb,
        hashed: Result<T, HashingError>,
    ) -> Result<T, Error> {
        if let Err(HashingError::Pool(CpuPoolError::Busy { .. })) = &hashed {
            db.global_tx("auth.take_attempt_back", async |tx| self.take_back(tx).await).await?;
        }
        Ok(hashed?)
    }

    /// It was none.
    pub(crate) async fn take_back(&self, tx: &mut GlobalTx) -> Result<(), DbError> {
        match self.counted_at {
            Some(counted_at) => take_back(tx, &self.keys, counted_at).await,
            None => Ok(()),
        }
    }
}

/// The key under which it is remembered that an account was logged in to from a network.
pub(crate) fn familiar(sealing: &Sealing, email: &EmailAddress, network: Option<Network>) -> Digest32 {
    let network = network.map(|network| network.to_string()).unwrap_or_default();
    sealing.digest("familiar address", format!("{}\0{network}", email.as_str()).as_bytes())
}

impl Attempt<'_> {
    /// Forgets what was counted against the account, from everywhere and from the client's network: its person has
    /// shown in another way who they are.
    pub(crate) async fn forget(
        &self,
        sealing: &Sealing,
        tx: &mut GlobalTx,
        user: UserId,
    ) -> Result<(), DbError> {
        let own = [self.account(sealing).key, self.pair(sealing).key, changes(sealing, user).key];
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
        Admitted::count(tx, &own, &shared, familiar, known).await
    }
}

impl Admitted {
    /// Counts an attempt to change a password. Nobody gets so far without a session of the person, so nobody else's attempts are
    /// counted along with theirs.
    pub(crate) async fn change(
        sealing: &Sealing,
        tx: &mut GlobalTx,
        user: UserId,
        email: &EmailAddress,
        client: &Client,
    ) -> Result<Self, DbError> {
        let familiar = familiar(sealing, email, client.network());
        Self::count(tx, &[changes(sealing, user)], &[], familiar, true).await
    }

    async fn count(
        tx: &mut GlobalTx,
        own: &[Limit],
        shared: &[Limit],
        familiar: Digest32,
        known: bool,
    ) -> Result<Self, DbError> {
        let all = [own, shared].concat();
        let admission = admit(tx, &all).await?;
        let keys = |limits: &[Limit]| limits.iter().map(|limit| limit.key).collect();
        let counted = Counted { own: keys(own), shared: keys(shared), familiar };
        Ok(Self { admission, counted, guess: Guess::new(&all, admission), known })
    }
}

fn changes(sealing: &Sealing, user: UserId) -> Limit {
    Limit::new(sealing, "password changes", &[&user.to_string()], CHANGES)
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
