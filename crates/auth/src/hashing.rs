//! Hashing passwords.
//!
//! bcrypt takes a core for a quarter of a second, so it runs on a [`CpuPool`]: those first who are known.

#![allow(clippy::disallowed_methods, reason = "this is the room that bcrypt is kept in")]

use std::hint::black_box;
use std::str::FromStr;
use std::time::Instant;

use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use base64::{Engine, alphabet};
use bcrypt::{BcryptError, HashParts};
use rowhouse_chassis::cpu_pool::{Asker, CpuPool, CpuPoolError};
use tokio::task::{JoinError, spawn_blocking};
use zeroize::Zeroizing;

use crate::domain::{Password, PasswordHash};
use crate::sealing::Digest32;

/// The bytes of a hash's salt, and how bcrypt writes them.
const SALT: usize = 16;
const BCRYPT_BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::BCRYPT, NO_PAD);

/// Why a password was neither hashed nor checked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HashingError {
    /// No thread has done it.
    #[error(transparent)]
    Pool(#[from] CpuPoolError),
    /// The stored text is no bcrypt hash.
    #[error("bcrypt: {0}")]
    Bcrypt(#[from] BcryptError),
    /// The system has no randomness.
    #[error("randomness: {0}")]
    Random(#[from] getrandom::Error),
    /// The first hash of all did not end.
    #[error("the hashing thread did not finish: {0}")]
    Thread(#[from] JoinError),
}

/// What a check found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The password is the identity's.
    Right {
        /// The stored hash is cheaper than what is configured by now, or one of the password as it was typed: make a new one.
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
        let mut salt = [0; SALT];
        getrandom::fill(&mut salt)?;
        self.pool.run(asker, move || hash(&password, cost, salt)).await?
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
        let mut short = [0; SALT];
        short.iter_mut().zip(salt).for_each(|(to, from)| *to = from);
        self.pool.run(asker, move || hash(&password, cost, short)).await?
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
                    return Ok(Verdict::Right { outdated: !prehashed || stored_cost < cost });
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

fn hash(password: &Password, cost: u32, salt: [u8; SALT]) -> Result<PasswordHash, HashingError> {
    let text = BCRYPT_BASE64.encode(salt);
    let prehash = password.for_bcrypt(&text);
    let hash = bcrypt::non_truncating_hash_with_salt(prehash.as_bytes(), cost, salt)?;
    Ok(PasswordHash::of_prehash(cost, &text, &hash.to_string()))
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
        let longest = "ж".repeat(128);
        let almost = format!("{}з", "ж".repeat(127));
        let stored_longest = hash(&hashing, &longest).await;
        for (attempt, stored, expected) in [
            (Some("correct horse"), Some(&stored), Verdict::Right { outdated: false }),
            (Some(longest.as_str()), Some(&stored_longest), Verdict::Right { outdated: false }),
            (Some("correct horsf"), Some(&stored), Verdict::Wrong),
            (Some(&almost), Some(&stored_longest), Verdict::Wrong),
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

    /// The hashes from before there was a prehash: bcrypt of the text as it was typed.
    #[tokio::test]
    async fn a_hash_from_before_is_right_and_outdated() {
        let hashing = Hashing::new(COST).await.unwrap();
        let check = async |text: &str, stored: &str| {
            let password = Password::parse_existing(text.to_owned());
            hashing.check(password, Some(stored.to_owned().into()), ASKER).await.unwrap()
        };
        let longest = "a".repeat(71);
        // Four characters, and a decomposed letter, which were taken then.
        for text in ["correct horse", "паро", "cafe\u{301} nai\u{308}ve", &longest] {
            let stored = bcrypt::non_truncating_hash(text, COST).unwrap();
            assert_eq!(check(text, &stored).await, Verdict::Right { outdated: true }, "{text:?}");
            assert_eq!(check("wrong horse", &stored).await, Verdict::Wrong, "{text:?}");
            // The one that replaces it.
            let password = Password::parse_existing(text.to_owned()).unwrap();
            let new = hashing.hash(password, ASKER).await.unwrap();
            assert_eq!(check(text, new.as_str()).await, Verdict::Right { outdated: false }, "{text:?}");
        }
        // bcrypt would see no difference between these.
        let stored = bcrypt::non_truncating_hash(&longest, COST).unwrap();
        for longer in [72, 73, 128] {
            assert_eq!(check(&"a".repeat(longer), &stored).await, Verdict::Wrong);
        }
    }

    /// A hash that was made of the prehash of one password is no way in for who knows the prehash.
    #[tokio::test]
    async fn a_prehash_is_no_password() {
        let hashing = Hashing::new(COST).await.unwrap();
        let stored = hashing.hash(password("correct horse"), ASKER).await.unwrap();
        let salt = HashParts::from_str(&stored.to_bcrypt().0).unwrap().get_salt();
        let prehash = password("correct horse").for_bcrypt(&salt).to_string();
        assert_eq!(
            hashing.check(Some(password(&prehash)), Some(stored), ASKER).await.unwrap(),
            Verdict::Wrong
        );
    }

    /// Made by passlib 1.7.4: `bcrypt_sha256.using(rounds=4, salt=…).hash(…)`.
    #[tokio::test]
    async fn hashes_of_another_program_are_understood() {
        let hashing = Hashing::new(COST).await.unwrap();
        for (text, checksum) in [
            ("correct horse", "E9qjVnkzEWr9OitExy6DYk7l7AjZ4iK"),
            (&"ж".repeat(64), "q7LRCYoIzgrLhRXFfXD1Md.8mgNGP5O"),
        ] {
            let stored = format!("$bcrypt-sha256$v=2,t=2b,r=4$n79VH.0Q2TMWmt3Oqt9uku${checksum}");
            let verdict = hashing.check(Some(password(text)), Some(stored.into()), ASKER).await.unwrap();
            assert_eq!(verdict, Verdict::Right { outdated: false }, "{text:?}");
        }
    }

    #[tokio::test]
    async fn one_password_from_two_keyboards_is_one() {
        let hashing = Hashing::new(COST).await.unwrap();
        let stored = hashing.hash(password("café naïve 4711"), ASKER).await.unwrap();
        let decomposed = password("cafe\u{301} nai\u{308}ve 4711");
        let verdict = hashing.check(Some(decomposed), Some(stored), ASKER).await.unwrap();
        assert_eq!(verdict, Verdict::Right { outdated: false });
    }

    #[tokio::test]
    async fn the_same_password_never_has_the_same_hash() {
        let hashing = Hashing::new(COST).await.unwrap();
        let one = hash(&hashing, "correct horse").await;
        assert_ne!(one, hash(&hashing, "correct horse").await);
        assert!(one.as_str().starts_with("$bcrypt-sha256$v=2,t=2b,r=4$"), "the format of passlib");
    }

    #[tokio::test]
    async fn a_stored_text_that_is_no_hash_is_an_error_and_no_verdict() {
        let hashing = Hashing::new(COST).await.unwrap();
        for stored in [
            "",
            "none",
            "$2b$04$short",
            "$bcrypt-sha256$v=2,t=2b,r=",
            "$bcrypt-sha256$v=2,t=2b,r=4$short$short",
            "$bcrypt-sha256$t=2b,r=4$n79VH.0Q2TMWmt3Oqt9uku$E9qjVnkzEWr9OitExy6DYk7l7AjZ4iK",
        ] {
            let checked =
                hashing.check(Some(password("correct horse")), Some(stored.to_owned().into()), ASKER).await;
            assert!(matches!(checked, Err(HashingError::Bcrypt(_))), "{stored:?}: {checked:?}");
        }
    }

    /// A right password of an account that is closed is recognised, though no answer says so.
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
