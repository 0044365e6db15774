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

use bcrypt::{BcryptError, HashParts};
use tokio::sync::{AcquireError, Semaphore};
use tokio::task::{JoinError, spawn_blocking};
use tracing::Span;

use crate::domain::{Password, PasswordHash};
use crate::sealing::Digest32;

/// How many may wait for each core: at cost 12 the last of them for about four seconds.
const QUEUE_PER_CORE: usize = 16;

/// Why a password was neither hashed nor checked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HashingError {
    /// The queue is full.
    #[error("too many passwords are being checked")]
    Busy,
    /// The stored text is no bcrypt hash, or the system has no randomness.
    #[error("bcrypt: {0}")]
    Bcrypt(#[from] BcryptError),
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
        let hash = self.run(move || bcrypt::non_truncating_hash(password.expose(), cost)).await??;
        Ok(hash.into())
    }

    /// Hashes the first password of an address, with a salt that nobody else has: of two who sign up at once with the same
    /// address and password, both get the same hash.
    pub(crate) async fn first_hash(
        &self,
        password: Password,
        salt: Digest32,
    ) -> Result<PasswordHash, HashingError> {
        let cost = self.cost;
        let mut short = [0; 16];
        short.iter_mut().zip(salt).for_each(|(to, from)| *to = from);
        let hash =
            self.run(move || bcrypt::non_truncating_hash_with_salt(password.expose(), cost, short)).await??;
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
    ) -> Result<Verdict, HashingError> {
        let (cost, dummy) = (self.cost, self.dummy.clone());
        self.run(move || {
            let may_be_right = password.is_some() && stored.is_some();
            let hash = stored.unwrap_or(dummy);
            let text = password.as_ref().map_or("", Password::expose);
            let equal = black_box(bcrypt::non_truncating_verify(text, hash.as_str())?);
            let stored_cost = HashParts::from_str(hash.as_str())?.get_cost();
            if equal && may_be_right {
                return Ok(Verdict::Right { outdated: stored_cost < cost });
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
        let longest = "a".repeat(71);
        let stored_longest = hashing.hash(password(&longest)).await.unwrap();
        for (attempt, stored, expected) in [
            (Some("correct horse"), Some(&stored), Verdict::Right { outdated: false }),
            (Some(longest.as_str()), Some(&stored_longest), Verdict::Right { outdated: false }),
            (Some("correct horsf"), Some(&stored), Verdict::Wrong),
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

    #[tokio::test]
    async fn the_same_password_never_has_the_same_hash() {
        let hashing = Hashing::new(COST).await.unwrap();
        let one = hashing.hash(password("correct horse")).await.unwrap();
        assert_ne!(one, hashing.hash(password("correct horse")).await.unwrap());
        assert!(one.as_str().starts_with("$2b$04$"), "the format that the database documents");
    }

    #[tokio::test]
    async fn a_stored_text_that_is_no_hash_is_an_error_and_no_verdict() {
        let hashing = Hashing::new(COST).await.unwrap();
        for stored in ["", "none", "$2b$04$short"] {
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
