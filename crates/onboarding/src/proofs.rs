//! Hashing what shows that a repeat has the same password, on threads of its own.

#![allow(clippy::disallowed_methods, reason = "this is the room that bcrypt is kept in")]

use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::domain::{Onboarding, PasswordProof};
use crate::error::Error;

/// How many may wait for each core.
const QUEUE_PER_CORE: usize = 16;

/// The threads that hash, and the queue before them. Cloning shares it.
#[derive(Clone)]
pub(crate) struct Proofs {
    cost: u32,
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
}

impl Proofs {
    pub(crate) fn new(cost: u32) -> Self {
        let threads = available_parallelism().map_or(1, NonZero::get);
        Self {
            cost,
            running: Arc::new(Semaphore::new(threads)),
            admitted: Arc::new(Semaphore::new(threads * (1 + QUEUE_PER_CORE))),
        }
    }

    /// Adds the password to what makes a repeat the same request. Without a key there are no repeats, and nothing is
    /// done.
    pub(crate) async fn add(&self, mut onboarding: Onboarding) -> Result<Onboarding, Error> {
        let Some((key, fingerprint)) = onboarding.idempotency else { return Ok(onboarding) };
        let proof = match onboarding.admin.password.clone() {
            None => None,
            Some(password) => {
                let admitted =
                    Arc::clone(&self.admitted).try_acquire_owned().or(Err(Error::TooManyProofs))?;
                // The semaphore is never closed.
                let running =
                    Arc::clone(&self.running).acquire_owned().await.or(Err(Error::TooManyProofs))?;
                let cost = self.cost;
                let proof = spawn_blocking(move || {
                    let proof = PasswordProof::new(&password, &key, cost);
                    drop((running, admitted));
                    proof
                });
                Some(proof.await??)
            }
        };
        onboarding.idempotency = Some((key, fingerprint.with(proof.as_ref())));
        Ok(onboarding)
    }
}
