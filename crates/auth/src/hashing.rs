//! Hashing passwords.
//!
//! bcrypt takes a core for a quarter of a second, so it runs on threads of its own, as many at a time as
//! there are cores. What would have to wait too long is turned away, lest logins take the whole service down.

#![allow(clippy::disallowed_methods, reason = "this is the room that bcrypt is kept in")]

use std::hint::black_box;
use std::num::NonZero;
use std::str::FromStr;
use std::sync::Arc;
use std::thread::available_parallelism;

use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use base64::{Engine, alphabet};
use bcrypt::{BcryptError, HashParts};
use tokio::sync::{AcquireError, Semaphore};
use tokio::task::{JoinError, spawn_blocking};
use tracing::Span;
use zeroize::Zeroizing;

use crate::domain::{Password, PasswordHash};
use crate::sealing::Digest32;

/// The bytes of a hash's salt, and how bcrypt writes them.
const SALT: usize = 16;
const BCRYPT_BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::BCRYPT, NO_PAD);

/// How many may wait for each core: at cost 12 the last of them for about four seconds.
const QUEUE_PER_CORE: usize = 16;

/// Why a password was neither hashed nor checked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HashingError {
    /// The queue is full.
    #[error("too many passwords are being checked")]
    Busy,
    /// The stored text is no bcrypt hash.
    #[error("bcrypt: {0}")]
    Bcrypt(#[from] BcryptError),
    /// The system has no randomness.
    #[error("randomness: {0}")]
    Random(#[from] getrandom::Error),
    /// The hashing thread panicked, or the runtime is stopping.
    #[error("the hashing thread did not finish: {0}")]
    Thread(#[from] JoinError),
    /// The pool was closed, which nobody does.
    #[error("the hashing pool: {0}")]
    Closed(#[from] AcquireError),
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
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
}

impl Hashing {
    /// A pool for all cores. Hashes once, so it takes as long as a login.
    pub(crate) async fn new(cost: u32) -> Result<Self, HashingError> {
        Self::sized(cost, available_parallelism().map_or(1, NonZero::get), QUEUE_PER_CORE).await
    }

    async fn sized(cost: u32, threads: usize, queue_per_thread: usize) -> Result<Self, HashingError> {
        let dummy = spawn_blocking(move || bcrypt::non_truncating_hash("", cost)).await??;
        Ok(Self {
            cost,
            dummy: dummy.into(),
            running: Arc::new(Semaphore::new(threads)),
            admitted: Arc::new(Semaphore::new(threads * (1 + queue_per_thread))),
        })
    }

    /// Hashes a new password.
    pub(crate) async fn hash(&self, password: Password) -> Result<PasswordHash, HashingError> {
        let cost = self.cost;
        let mut salt = [0; SALT];
        getrandom::fill(&mut salt)?;
        self.run(move || hash(&password, cost, salt)).await?
    }

    /// Hashes the first password of an address, with a salt that nobody else has: of two who sign up at once with the same
    /// address and password, both get the same hash.
    pub(crate) async fn first_hash(
        &self,
        password: Password,
        salt: Digest32,
    ) -> Result<PasswordHash, HashingError> {
        let cost = self.cost;
        let mut short = [0; SALT];
        short.iter_mut().zip(salt).for_each(|(to, from)| *to = from);
        self.run(move || hash(&password, cost, short)).await?
    }

    /// Checks a password against a stored hash.
    ///
    /// `None` stands for a text that is no possible password, and for an address without an identity: the
    /// verdict is then [`Verdict::Wrong`]. Every wrong verdict takes the same work, whatever the reason.
    pub(crate) async fn check(
        &self,
        password: Option<Password>,
        stored: Option<PasswordHash>,
    ) -> Result<Verdict, HashingError> {
        let (cost, dummy) = (self.cost, self.dummy.clone());
        self.run(move || {
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
            let equal = black_box(bcrypt::non_truncating_verify(text.unwrap_or_default().as_str(), &bcrypt)?);
            let stored_cost = parts.get_cost();
            if equal && may_be_right {
                return Ok(Verdict::Right { outdated: !prehashed || stored_cost < cost });
            }
            // A hash from cheaper times would give its identity away by a quicker answer. One more hash of
            // each cost in between makes up for it: 2^s + 2^s + 2^(s+1) + … + 2^(c-1) = 2^c.
            for cost in stored_cost..cost {
                black_box(bcrypt::non_truncating_hash("", cost)?);
            }
            Ok(Verdict::Wrong)
        })
        .await?
    }

    /// Runs `work` when its turn comes. A caller who goes away before leaves the queue; after that the work
    /// is finished, and counts until it is.
    async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, HashingError> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().or(Err(HashingError::Busy))?;
        let running = Arc::clone(&self.running).acquire_owned().await?;
        let span = Span::current();
        let finished = spawn_blocking(move || {
            let result = span.in_scope(work);
            drop((running, admitted));
            result
        });
        Ok(finished.await?)
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
    use std::sync::mpsc;

    use super::*;

    const COST: u32 = 4;

    fn password(text: &str) -> Password {
        Password::parse(text.to_owned()).unwrap()
    }

    #[tokio::test]
    async fn only_the_right_password_of_an_identity_is_right() {
        let hashing = Hashing::new(COST).await.unwrap();
        let stored = hashing.hash(password("correct horse")).await.unwrap();
        let longest = "ж".repeat(128);
        let almost = format!("{}з", "ж".repeat(127));
        let stored_longest = hashing.hash(password(&longest)).await.unwrap();
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
            let verdict = hashing.check(attempt.map(password), stored.cloned()).await.unwrap();
            assert_eq!(verdict, expected, "{attempt:?}");
        }
    }

    /// The dummy's own text never opens anything.
    #[tokio::test]
    async fn no_password_fits_the_dummy() {
        let hashing = Hashing::new(COST).await.unwrap();
        let dummy = hashing.dummy.clone();
        assert_eq!(hashing.check(None, Some(dummy)).await.unwrap(), Verdict::Wrong);
    }

    #[tokio::test]
    async fn a_cheaper_hash_is_outdated_and_a_dearer_one_is_not() {
        let (cheap, dear) = (Hashing::new(COST).await.unwrap(), Hashing::new(COST + 1).await.unwrap());
        let check = async |hashing: &Hashing, stored: &PasswordHash, text| {
            hashing.check(Some(password(text)), Some(stored.clone())).await.unwrap()
        };
        let of_cheap = cheap.hash(password("correct horse")).await.unwrap();
        let of_dear = dear.hash(password("correct horse")).await.unwrap();
        assert_eq!(check(&dear, &of_cheap, "correct horse").await, Verdict::Right { outdated: true });
        assert_eq!(check(&cheap, &of_dear, "correct horse").await, Verdict::Right { outdated: false });
        assert_eq!(check(&dear, &of_cheap, "wrong horse").await, Verdict::Wrong);
    }

    /// What was kept before there was a prehash: bcrypt of the text as it was typed.
    #[tokio::test]
    async fn a_hash_from_before_is_right_and_outdated() {
        let hashing = Hashing::new(COST).await.unwrap();
        let check = async |text: &str, stored: &str| {
            let password = Password::parse_existing(text.to_owned());
            hashing.check(password, Some(stored.to_owned().into())).await.unwrap()
        };
        let longest = "a".repeat(71);
        // Four characters, and a decomposed letter, which were taken then.
        for text in ["correct horse", "паро", "cafe\u{301} nai\u{308}ve", &longest] {
            let stored = bcrypt::non_truncating_hash(text, COST).unwrap();
            assert_eq!(check(text, &stored).await, Verdict::Right { outdated: true }, "{text:?}");
            assert_eq!(check("wrong horse", &stored).await, Verdict::Wrong, "{text:?}");
            // The one that replaces it.
            let password = Password::parse_existing(text.to_owned()).unwrap();
            let new = hashing.hash(password).await.unwrap();
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
        let stored = hashing.hash(password("correct horse")).await.unwrap();
        let salt = HashParts::from_str(&stored.to_bcrypt().0).unwrap().get_salt();
        let prehash = password("correct horse").for_bcrypt(&salt).to_string();
        assert_eq!(hashing.check(Some(password(&prehash)), Some(stored)).await.unwrap(), Verdict::Wrong);
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
            let verdict = hashing.check(Some(password(text)), Some(stored.into())).await.unwrap();
            assert_eq!(verdict, Verdict::Right { outdated: false }, "{text:?}");
        }
    }

    #[tokio::test]
    async fn one_password_from_two_keyboards_is_one() {
        let hashing = Hashing::new(COST).await.unwrap();
        let stored = hashing.hash(password("café naïve 4711")).await.unwrap();
        let decomposed = password("cafe\u{301} nai\u{308}ve 4711");
        let verdict = hashing.check(Some(decomposed), Some(stored)).await.unwrap();
        assert_eq!(verdict, Verdict::Right { outdated: false });
    }

    #[tokio::test]
    async fn the_same_password_never_has_the_same_hash() {
        let hashing = Hashing::new(COST).await.unwrap();
        let one = hashing.hash(password("correct horse")).await.unwrap();
        assert_ne!(one, hashing.hash(password("correct horse")).await.unwrap());
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
                hashing.check(Some(password("correct horse")), Some(stored.to_owned().into())).await;
            assert!(matches!(checked, Err(HashingError::Bcrypt(_))), "{stored:?}: {checked:?}");
        }
    }

    #[tokio::test]
    async fn what_does_not_fit_into_the_queue_is_turned_away() {
        let hashing = Hashing::sized(COST, 1, 1).await.unwrap();
        let (release, released) = mpsc::channel::<()>();
        let (started, has_started) = tokio::sync::oneshot::channel();
        let running = hashing.clone();
        let running = tokio::spawn(async move {
            running
                .run(move || {
                    started.send(()).unwrap();
                    released.recv().unwrap();
                })
                .await
        });
        has_started.await.unwrap();
        let waiting = hashing.clone();
        let waiting = tokio::spawn(async move { waiting.hash(password("correct horse")).await });
        while hashing.admitted.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let third = hashing.hash(password("correct horse")).await;
        assert!(matches!(third, Err(HashingError::Busy)), "{third:?}");

        // Who goes away makes room.
        waiting.abort();
        assert!(waiting.await.unwrap_err().is_cancelled());
        let next = hashing.hash(password("correct horse"));
        release.send(()).unwrap();
        next.await.unwrap();
        running.await.unwrap().unwrap();
    }
}
