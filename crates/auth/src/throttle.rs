//! Protection from guessing passwords without lock-out by strangers.
//!
//! An attempt counts against the account from its network, the network, the account and the tenant. The limits that
//! are shared with strangers, those of the account and the tenant, do not apply to networks from which the account
//! was logged in to before. A device that has logged in before is counted alone (OWASP: device cookies), so attempts
//! by others never lock it out.

use chrono::{DateTime, Utc};
use rowhouse_chassis::client::Client;
use rowhouse_chassis::cpu_pool::CpuPoolError;
use rowhouse_chassis::network::Network;
use rowhouse_tenancy::{DbError, GlobalTx, TenantDb, Transaction};

use crate::domain::{AttemptKeys, DeviceToken, EmailAddress, Limit, UserId};
use crate::encryption::{Digest32, EncryptionKeys};
use crate::error::Error;
use crate::hashing::HashingError;
use crate::store::attempts::{
    Admission, admit, forgive, forgive_once, is_familiar, remember_network, take_back,
};

/// Free attempts on one account from one network.
const PAIR: i32 = 6;
/// Free attempts from one network, which may be a whole office.
const NETWORK: i32 = 60;
/// Free attempts on one account from all networks that are not familiar to it.
const ACCOUNT: i32 = 30;
/// Free attempts in one tenant, where one password may be tried on many accounts.
const TENANT: i32 = 200;
/// Free attempts on one account from a device that has logged in before.
const DEVICE: i32 = 6;
/// Free attempts of a person to change their password, from all sessions.
const CHANGES: i32 = 6;

/// An attempt to log in, for counting.
pub(crate) struct LoginAttempt<'a> {
    pub(crate) email: &'a EmailAddress,
    pub(crate) tenant: Option<&'a str>,
    pub(crate) client: &'a Client,
    /// The device's token, if it is this account's.
    pub(crate) device: Option<&'a DeviceToken>,
}

/// The result of counting an attempt.
pub(crate) struct Admitted {
    pub(crate) admission: Admission,
    pub(crate) counted: AttemptKeys,
    pub(crate) guess: Guess,
    /// True if it comes from a device or a network from which the account was logged in to before.
    pub(crate) known: bool,
}

/// A counted attempt whose password was not checked yet.
#[derive(Clone, Debug)]
pub(crate) struct Guess {
    keys: Vec<Digest32>,
    /// The time at which it was counted, or `None` if it was refused.
    counted_at: Option<DateTime<Utc>>,
}

impl Guess {
    pub(crate) fn new(limits: &[Limit], admission: Admission) -> Self {
        Self { keys: limits.iter().map(|limit| limit.key).collect(), counted_at: admission.counted_at }
    }

    /// Returns whether the password may be checked.
    pub(crate) const fn is_admitted(&self) -> bool {
        self.counted_at.is_some()
    }

    /// Passes on the result of checking the password. If it was not checked because too many were waiting, the
    /// attempt is uncounted, so that nobody waits longer for coming at a bad moment. That uncounts one attempt and
    /// clears no counter, so guessing gains nothing.
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

    /// Uncounts a guess.
    pub(crate) async fn take_back(&self, tx: &mut GlobalTx) -> Result<(), DbError> {
        match self.counted_at {
            Some(counted_at) => take_back(tx, &self.keys, counted_at).await,
            None => Ok(()),
        }
    }
}

/// Returns the key under which a network is familiar to an account.
pub(crate) fn familiar(
    encryption: &EncryptionKeys,
    email: &EmailAddress,
    network: Option<Network>,
) -> Digest32 {
    let network = network.map(|network| network.to_string()).unwrap_or_default();
    encryption.digest("familiar address", format!("{}\0{network}", email.as_str()).as_bytes())
}

impl LoginAttempt<'_> {
    /// Clears the counts of the account, from everywhere and from the client's network, after the person has
    /// authenticated in another way.
    pub(crate) async fn forget(
        &self,
        encryption: &EncryptionKeys,
        tx: &mut GlobalTx,
        user: UserId,
    ) -> Result<(), DbError> {
        let own = [self.account(encryption).key, self.pair(encryption).key, changes(encryption, user).key];
        forgive(tx, &own, &[]).await
    }

    fn account(&self, encryption: &EncryptionKeys) -> Limit {
        Limit::new(encryption, "attempts on an account", &[self.email.as_str()], ACCOUNT)
    }

    fn pair(&self, encryption: &EncryptionKeys) -> Limit {
        let network = self.client.network().map(|network| network.to_string()).unwrap_or_default();
        Limit::new(encryption, "attempts of a pair", &[self.email.as_str(), &network], PAIR)
    }

    /// Counts the attempt, unless `check_queue` fails for a caller who is known or not: then nothing is written, so that a flood of
    /// attempts costs little.
    pub(crate) async fn admit(
        &self,
        encryption: &EncryptionKeys,
        tx: &mut GlobalTx,
        check_queue: impl FnOnce(bool) -> Result<(), HashingError>,
    ) -> Result<Admitted, Error> {
        let network = self.client.network();
        let familiar = familiar(encryption, self.email, network);
        let (own, shared, known) = if let Some(device) = self.device {
            let device = Limit::new(encryption, "attempts of a device", &[&device.id().to_string()], DEVICE);
            (vec![device], Vec::new(), true)
        } else {
            let mut shared = Limit::of_network(encryption, "attempts of an address", network, NETWORK);
            let known = is_familiar(tx, familiar).await?;
            if known {
                // The wider network is also used by strangers.
                shared.truncate(1);
            } else {
                shared.push(self.account(encryption));
                if let Some(tenant) = self.tenant {
                    shared.push(Limit::new(encryption, "attempts in a tenant", &[tenant], TENANT));
                }
            }
            (vec![self.pair(encryption)], shared, known)
        };
        check_queue(known)?;
        Ok(Admitted::count(tx, &own, &shared, familiar, known).await?)
    }
}

impl Admitted {
    /// Counts an attempt to change a password. It requires a session of the person, so it is not counted together
    /// with other people's attempts.
    pub(crate) async fn change(
        encryption: &EncryptionKeys,
        tx: &mut GlobalTx,
        user: UserId,
        email: &EmailAddress,
        client: &Client,
    ) -> Result<Self, DbError> {
        let familiar = familiar(encryption, email, client.network());
        Self::count(tx, &[changes(encryption, user)], &[], familiar, true).await
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
        let counted = AttemptKeys { own: keys(own), shared: keys(shared), familiar };
        Ok(Self { admission, counted, guess: Guess::new(&all, admission), known })
    }
}

fn changes(encryption: &EncryptionKeys, user: UserId) -> Limit {
    Limit::new(encryption, "password changes", &[&user.to_string()], CHANGES)
}

impl AttemptKeys {
    /// Records a successful attempt: it is uncounted, and its network is familiar from now on.
    pub(crate) async fn succeeded(&self, tx: &mut GlobalTx) -> Result<(), DbError> {
        forgive(tx, &self.own, &self.shared).await?;
        remember_network(tx, self.familiar).await
    }

    /// Does the same in a later call, which may be repeated.
    pub(crate) async fn succeeded_later(&self, tx: &mut impl Transaction) -> Result<(), DbError> {
        forgive_once(tx, &self.own, &self.shared).await?;
        remember_network(tx, self.familiar).await
    }
}
