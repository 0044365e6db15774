//! Hashing passwords.
//!
//! bcrypt takes a core for a quarter of a second, so it runs on a [`CpuPool`]: those first who are known.

#![allow(clippy::disallowed_methods, reason = "this is the room that bcrypt is kept in")]

use std::hint::black_box;
use std::str::FromStr;
use std::time::Instant;

use bcrypt::{BcryptError, HashParts};
use rowhouse_chassis::cpu_pool::{Asker, CpuPool, CpuPoolError};
use tokio::task::{JoinError, spawn_blocking};

use crate::domain::{Password, PasswordHash};
use crate::sealing::Digest32;

/// Why a password was neither hashed nor checked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HashingError {
    /// No thread has done it.
    #[error(transparent)]
    Pool(#[from] CpuPoolError),
    /// The stored text is no bcrypt hash, or the system has no randomness.
    #[error("bcrypt: {0}")]
    Bcrypt(#[from] BcryptError),
    /// The first hash of all did not end.
    #[error("the hashing thread did not finish: {0}")]
    Thread(#[from] JoinError),
}

/// What a check found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The password is the identity's.
    Right {
        /// The stored hash is cheaper than what is configured by now.
        outdated: bool,
    },
    /// It is not, or there is no identity, or it cannot be a password at all.
    Wrong,
}

/// The threads that hash, and the queue before them.
#[derive(Clone)]
pub(crate) struct Hashing {
    cost: u32,
    /// Checked against when there is no identity.
    dummy: PasswordHash,
    pool: CpuPool,
}

impl Hashing {
    /// A pool for all cores. Hashes once, so it takes as long as a login.
    pub(crate) async fn new(cost: u32) -> Result<Self, HashingError> {
        let began = Instant::now();
        let dummy = spawn_blocking(move || bcrypt::non_truncating_hash("", cost)).await??;
        Ok(Self { cost, dummy: dummy.into(), pool: CpuPool::new(began.elapsed()) })
    }

    /// Hashes a new password.
    pub(crate) async fn hash(&self, password: Password, asker: Asker) -> Result<PasswordHash, HashingError> {
        let cost = self.cost;
        let hash =
            self.pool.run(asker, move || bcrypt::non_truncating_hash(password.expose(), cost)).await??;
        Ok(hash.into())
    }

    /// Hashes the first password of an address, with a salt that nobody else has: of two who sign up at once with the same
    /// address and password, both get the same hash.
    pub(crate) async fn first_hash(
        &self,
        password: Password,
        salt: Digest32,
        asker: Asker,
    ) -> Result<PasswordHash, HashingError> {
        let cost = self.cost;
        let mut short = [0; 16];
        short.iter_mut().zip(salt).for_each(|(to, from)| *to = from);
        let hash = self
            .pool
            .run(asker, move || bcrypt::non_truncating_hash_with_salt(password.expose(), cost, short))
            .await??;
        Ok(hash.to_string().into())
    }

    /// Checks a password against a stored hash.
    ///
    /// `None` stands for a text that is no possible password, and for an address without an identity: the
    /// verdict is then [`Verdict::Wrong`]. Every wrong verdict takes the same work, whatever the reason.
    pub(crate) async fn check(
        &self,
        password: Option<Password>,
        stored: Option<PasswordHash>,
        asker: Asker,
    ) -> Result<Verdict, HashingError> {
        self.judge(password, stored, true, asker).await
    }

    /// Says whether a password is right that opens nothing all the same. Takes the work of a wrong verdict, whatever it
    /// says.
    pub(crate) async fn check_closed(
        &self,
        password: Option<Password>,
        stored: Option<PasswordHash>,
        asker: Asker,
    ) -> Result<bool, HashingError> {
        Ok(self.judge(password, stored, false, asker).await? != Verdict::Wrong)
    }

    /// The work is that of a wrong verdict unless the password is right and `opens`.
    async fn judge(
        &self,
        password: Option<Password>,
        stored: Option<PasswordHash>,
        opens: bool,
        asker: Asker,
    ) -> Result<Verdict, HashingError> {
        let (cost, dummy) = (self.cost, self.dummy.clone());
        self.pool
            .run(asker, move || {
                let may_be_right = password.is_some() && stored.is_some();
                let hash = stored.unwrap_or(dummy);
                let text = password.as_ref().map_or("", Password::expose);
                let equal = black_box(bcrypt::non_truncating_verify(text, hash.as_str())?);
                let stored_cost = HashParts::from_str(hash.as_str())?.get_cost();
                let right = equal && may_be_right;
                if right && opens {
                    return Ok(Verdict::Right { outdated: stored_cost < cost });
                }
                // A hash from cheaper times would give its identity away by a quicker answer. One more hash of
                // each cost in between makes up for it: 2^s + 2^s + 2^(s+1) + … + 2^(c-1) = 2^c.
                for cost in stored_cost..cost {
                    black_box(bcrypt::non_truncating_hash("", cost)?);
                }
                Ok(if right { Verdict::Right { outdated: false } } else { Verdict::Wrong })
            })
            .await?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COST: u32 = 4;
    const ASKER: Asker = Asker { known: true, network: None, deadline: None };

    fn password(text: &str) -> Password {
        Password::parse(text.to_owned()).unwrap()
    }

    async fn hash(hashing: &Hashing, text: &str) -> PasswordHash {
        hashing.hash(password(text), ASKER).await.unwrap()
    }

    #[tokio::test]
    async fn only_the_right_password_of_an_identity_is_right() {
        let hashing = Hashing::new(COST).await.unwrap();
        let stored = hash(&hashing, "correct horse").await;
        let longest = "a".repeat(71);
        let stored_longest = hash(&hashing, &longest).await;
        for (attempt, stored, expected) in [
            (Some("correct horse"), Some(&stored), Verdict::Right { outdated: false }),
            (Some(longest.as_str()), Some(&stored_longest), Verdict::Right { outdated: false }),
            (Some("correct horsf"), Some(&stored), Verdict::Wrong),
            (Some("Correct horse"), Some(&stored), Verdict::Wrong),
            (Some("correct horse"), None, Verdict::Wrong),
            (None, Some(&stored), Verdict::Wrong),
            (None, None, Verdict::Wrong),
        ] {
            let verdict = hashing.check(attempt.map(password), stored.cloned(), ASKER).await.unwrap();
            assert_eq!(verdict, expected, "{attempt:?}");
        }
    }

    /// The dummy's own text never opens anything.
    #[tokio::test]
    async fn no_password_fits_the_dummy() {
        let hashing = Hashing::new(COST).await.unwrap();
        let dummy = hashing.dummy.clone();
        assert_eq!(hashing.check(None, Some(dummy), ASKER).await.unwrap(), Verdict::Wrong);
    }

    #[tokio::test]
    async fn a_cheaper_hash_is_outdated_and_a_dearer_one_is_not() {
        let (cheap, dear) = (Hashing::new(COST).await.unwrap(), Hashing::new(COST + 1).await.unwrap());
        let check = async |hashing: &Hashing, stored: &PasswordHash, text| {
            hashing.check(Some(password(text)), Some(stored.clone()), ASKER).await.unwrap()
        };
        let of_cheap = hash(&cheap, "correct horse").await;
        let of_dear = hash(&dear, "correct horse").await;
        assert_eq!(check(&dear, &of_cheap, "correct horse").await, Verdict::Right { outdated: true });
        assert_eq!(check(&cheap, &of_dear, "correct horse").await, Verdict::Right { outdated: false });
        assert_eq!(check(&dear, &of_cheap, "wrong horse").await, Verdict::Wrong);
    }

    #[tokio::test]
    async fn the_same_password_never_has_the_same_hash() {
        let hashing = Hashing::new(COST).await.unwrap();
        let one = hash(&hashing, "correct horse").await;
        assert_ne!(one, hash(&hashing, "correct horse").await);
        assert!(one.as_str().starts_with("$2b$04$"), "the format that the database documents");
    }

    #[tokio::test]
    async fn a_stored_text_that_is_no_hash_is_an_error_and_no_verdict() {
        let hashing = Hashing::new(COST).await.unwrap();
        for stored in ["", "none", "$2b$04$short"] {
            let checked =
                hashing.check(Some(password("correct horse")), Some(stored.to_owned().into()), ASKER).await;
            assert!(matches!(checked, Err(HashingError::Bcrypt(_))), "{stored:?}: {checked:?}");
        }
    }

    /// What is right and opens nothing is told by no answer, and found out all the same.
    #[tokio::test]
    async fn a_right_password_of_a_closed_account_is_known_again() {
        let (cheap, dear) = (Hashing::new(COST).await.unwrap(), Hashing::new(COST + 1).await.unwrap());
        let stored = hash(&cheap, "correct horse").await;
        for hashing in [cheap, dear] {
            let closed = async |text: Option<&str>, stored: Option<&PasswordHash>| {
                hashing.check_closed(text.map(password), stored.cloned(), ASKER).await.unwrap()
            };
            assert!(closed(Some("correct horse"), Some(&stored)).await);
            assert!(!closed(Some("wrong horse"), Some(&stored)).await);
            assert!(!closed(Some("correct horse"), None).await);
            assert!(!closed(None, Some(&stored)).await);
        }
    }
}
