//! Hashing what shows that a repeat has the same password.

use std::time::Duration;

use rowhouse_chassis::cpu_pool::{Asker, CpuPool};

use crate::domain::{Onboarding, PasswordProof};
use crate::error::Error;

/// About what a hash takes, until there is experience.
const A_HASH: Duration = Duration::from_millis(250);

/// The threads that hash. Cloning shares them.
#[derive(Clone)]
pub(crate) struct Proofs {
    cost: u32,
    pool: CpuPool,
}

impl Proofs {
    pub(crate) fn new(cost: u32) -> Self {
        Self { cost, pool: CpuPool::new(A_HASH) }
    }

    /// Adds the password to what makes a repeat the same request, once. Without a key there are no repeats, and nothing is
    /// done.
    pub(crate) async fn add(&self, onboarding: &mut Onboarding, asker: Asker) -> Result<(), Error> {
        let Some((key, fingerprint)) = onboarding.idempotency else { return Ok(()) };
        if onboarding.proven {
            return Ok(());
        }
        let proof = match onboarding.admin.password.clone() {
            None => None,
            Some(password) => {
                let cost = self.cost;
                Some(self.pool.run(asker, move || PasswordProof::new(&password, &key, cost)).await??)
            }
        };
        onboarding.idempotency = Some((key, fingerprint.with(proof.as_ref())));
        onboarding.proven = true;
        Ok(())
    }
}
