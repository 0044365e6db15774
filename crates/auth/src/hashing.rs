//! Hashing and checking passwords.
//!
//! bcrypt takes a core for a quarter of a second, so it runs on a [`CpuPool`], which serves known callers first.

#![allow(clippy::disallowed_methods, reason = "this is the room that bcrypt is kept in")]

#[cfg(test)]
mod tests;

use std::hint::black_box;
use std::str::FromStr;
use std::time::{Duration, Instant};

use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use base64::{Engine, alphabet};
use bcrypt::{BcryptError, HashParts};
use rowhouse_chassis::cpu_pool::{Asker, CpuPool, CpuPoolError};
use tokio::task::{JoinError, spawn_blocking};
use zeroize::Zeroizing;

use crate::domain::{Password, PasswordHash};
use crate::encryption::Digest32;

/// The size of a hash's salt in bytes and as text.
const SALT: usize = 16;
const BCRYPT_BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::BCRYPT, NO_PAD);
/// The lowest cost of bcrypt.
const LEAST_COST: u32 = 4;
/// The number of cost steps below the configured one at which the time of a hash is measured, and the number of
/// measurements, besides a hash of the full cost.
const CHEAPER: u32 = 3;
const MEASUREMENTS: usize = 3;

/// The reason why a password was neither hashed nor checked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HashingError {
    /// No thread was available.
    #[error(transparent)]
    Pool(#[from] CpuPoolError),
    /// The stored text is not a bcrypt hash.
    #[error("bcrypt: {0}")]
    Bcrypt(#[from] BcryptError),
    /// The operating system returned no random bytes.
    #[error("randomness: {0}")]
    Random(#[from] getrandom::Error),
    /// The first hash did not complete.
    #[error("the hashing thread did not finish: {0}")]
    Thread(#[from] JoinError),
}

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PasswordVerdict {
    /// The password is right.
    Right {
        /// The stored hash has a lower cost than the configured one, or is one of the password as typed: replace it.
        outdated: bool,
    },
    /// The password is wrong or impossible, or there is no identity.
    Wrong,
}

/// The threads that hash, with their queue.
#[derive(Clone)]
pub(crate) struct Hashing {
    cost: u32,
    /// The hash that is used when there is no identity.
    dummy: PasswordHash,
    pool: CpuPool,
}

impl Hashing {
    /// Creates a pool for all cores. It hashes a little more than once, so it takes a little longer than a login.
    pub(crate) async fn new(cost: u32) -> Result<Self, HashingError> {
        let (dummy, took) = spawn_blocking(move || measure(cost)).await??;
        Ok(Self { cost, dummy: dummy.into(), pool: CpuPool::new(took) })
    }

    /// Fails if a password of this caller would be neither hashed nor checked now, since too many wait.
    pub(crate) fn check_queue(&self, asker: Asker) -> Result<(), HashingError> {
        Ok(self.pool.check_queue(asker)?)
    }

    /// Hashes a new password.
    pub(crate) async fn hash(&self, password: Password, asker: Asker) -> Result<PasswordHash, HashingError> {
        let cost = self.cost;
        let mut salt = [0; SALT];
        getrandom::fill(&mut salt)?;
        self.pool.run(asker, move || hash(&password, cost, salt)).await?
    }

    /// Hashes the first password of an address, with a salt that only this address has: two sign-ups at once with the
    /// same address and password get the same hash.
    pub(crate) async fn first_hash(
        &self,
        password: Password,
        salt: Digest32,
        asker: Asker,
    ) -> Result<PasswordHash, HashingError> {
        let cost = self.cost;
        let mut short = [0; SALT];
        short.iter_mut().zip(salt).for_each(|(to, from)| *to = from);
        self.pool.run(asker, move || hash(&password, cost, short)).await?
    }

    /// Checks a password against a stored hash.
    ///
    /// `None` means an impossible password or an address without an identity: the result is then [`PasswordVerdict::Wrong`].
    /// Every wrong verdict takes the same work, whatever the reason.
    pub(crate) async fn check(
        &self,
        password: Option<Password>,
        stored: Option<PasswordHash>,
        asker: Asker,
    ) -> Result<PasswordVerdict, HashingError> {
        self.judge(password, stored, true, asker).await
    }

    /// Returns whether a password of an account that cannot log in is right. It takes the work of a wrong verdict in
    /// any case.
    pub(crate) async fn check_closed(
        &self,
        password: Option<Password>,
        stored: Option<PasswordHash>,
        asker: Asker,
    ) -> Result<bool, HashingError> {
        Ok(self.judge(password, stored, false, asker).await? != PasswordVerdict::Wrong)
    }

    /// Checks a password. The work is that of a wrong verdict, unless the password is right and `opens`.
    async fn judge(
        &self,
        password: Option<Password>,
        stored: Option<PasswordHash>,
        opens: bool,
        asker: Asker,
    ) -> Result<PasswordVerdict, HashingError> {
        let (cost, dummy) = (self.cost, self.dummy.clone());
        self.pool
            .run(asker, move || {
                let is_stored = stored.is_some();
                let hash = stored.unwrap_or(dummy);
                let (bcrypt, prehashed) = hash.to_bcrypt();
                let parts = HashParts::from_str(&bcrypt)?;
                let text = match &password {
                    Some(password) if prehashed => Some(password.for_bcrypt(&parts.get_salt())),
                    Some(password) => password.expose_typed().map(|text| Zeroizing::new(text.to_owned())),
                    None => None,
                };
                let may_be_right = is_stored && text.is_some();
                let text = text.unwrap_or_default();
                let equal = black_box(bcrypt::non_truncating_verify(text.as_str(), &bcrypt)?);
                let stored_cost = parts.get_cost();
                let right = equal && may_be_right;
                if right && opens {
                    return Ok(PasswordVerdict::Right { outdated: !prehashed || stored_cost < cost });
                }
                // A hash of a lower cost would reveal its identity by a quicker answer. One more hash of each cost in
                // between compensates: 2^s + 2^s + 2^(s+1) + … + 2^(c-1) = 2^c.
                for cost in stored_cost..cost {
                    black_box(bcrypt::non_truncating_hash("", cost)?);
                }
                Ok(if right { PasswordVerdict::Right { outdated: false } } else { PasswordVerdict::Wrong })
            })
            .await?
    }
}

fn hash(password: &Password, cost: u32, salt: [u8; SALT]) -> Result<PasswordHash, HashingError> {
    let text = BCRYPT_BASE64.encode(salt);
    let prehash = password.for_bcrypt(&text);
    let hash = bcrypt::non_truncating_hash_with_salt(prehash.as_bytes(), cost, salt)?;
    Ok(PasswordHash::of_prehash(cost, &text, &hash.to_string()))
}

/// Creates the dummy hash and measures the time of a hash, on the thread itself, so that waiting for a thread is not
/// included.
fn measure(cost: u32) -> Result<(String, Duration), BcryptError> {
    let timed = |cost| {
        let began = Instant::now();
        let hash = black_box(bcrypt::non_truncating_hash("", cost)?);
        Ok::<_, BcryptError>((hash, began.elapsed()))
    };
    let (dummy, whole) = timed(cost)?;
    let cheaper = cost.saturating_sub(CHEAPER).max(LEAST_COST.min(cost));
    let mut cheap = [Duration::MAX; MEASUREMENTS];
    for one in &mut cheap {
        *one = timed(cheaper)?.1;
    }
    Ok((dummy, least(whole, cheap, 1 << (cost - cheaper))))
}

/// Returns the shortest measurement, scaled by `times`. A stall of the machine makes a measurement longer, and
/// nothing makes it shorter.
fn least(whole: Duration, cheap: [Duration; MEASUREMENTS], times: u32) -> Duration {
    cheap.into_iter().fold(whole, |least, one| least.min(one.saturating_mul(times)))
}
