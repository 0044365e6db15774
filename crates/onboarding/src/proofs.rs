//! Hashing the passwords of onboardings with an idempotency key.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use rowhouse_chassis::cpu_pool::{Asker, CpuPool};
use rowhouse_chassis::rate_limit::NetworkLimiter;

use crate::auth_client::Caller;
use crate::domain::{Onboarding, PasswordProof};
use crate::error::Error;

/// The initial estimate of the time of a hash.
const A_HASH: Duration = Duration::from_millis(250);

/// The burst of repeats with a password from one network, and their rate per second.
const REPEATS: NonZeroU32 = NonZeroU32::MIN.saturating_add(59);
const REPEATS_PER_SECOND: NonZeroU32 = NonZeroU32::MIN;

/// The threads that hash. Clones share them.
#[derive(Clone)]
pub(crate) struct Proofs {
    cost: u32,
    pool: CpuPool,
    repeats: Arc<NetworkLimiter>,
}

impl Proofs {
    pub(crate) fn new(cost: u32) -> Self {
        let repeats = NetworkLimiter::new(REPEATS_PER_SECOND, REPEATS);
        Self { cost, pool: CpuPool::new(A_HASH), repeats: Arc::new(repeats) }
    }

    /// Does the same as [`add`](Self::add) for a repeat, which it counts first.
    pub(crate) async fn add_repeated(
        &self,
        onboarding: &mut Onboarding,
        caller: &Caller,
    ) -> Result<(), Error> {
        if !onboarding.proven && onboarding.admin.password.is_some() {
            self.repeats.check(caller.client.network()).map_err(|wait| Error::TooManyRepeats { wait })?;
        }
        self.add(onboarding, caller).await
    }

    /// Adds the password to the fingerprint, once. Without a key there are no repeats, and nothing is done.
    pub(crate) async fn add(&self, onboarding: &mut Onboarding, caller: &Caller) -> Result<(), Error> {
        let Some((key, fingerprint)) = onboarding.idempotency else { return Ok(()) };
        if onboarding.proven {
            return Ok(());
        }
        let proof = match onboarding.admin.password.clone() {
            None => None,
            Some(password) => {
                let cost = self.cost;
                Some(self.pool.run(asker(caller), move || PasswordProof::new(&password, &key, cost)).await??)
            }
        };
        onboarding.idempotency = Some((key, fingerprint.with(proof.as_ref())));
        onboarding.proven = true;
        Ok(())
    }
}

/// Returns the caller for whom a password is hashed. A token does not make a caller known, since anybody can have the
/// token of some account.
fn asker(caller: &Caller) -> Asker {
    Asker { known: false, person: None, network: caller.client.network(), deadline: caller.deadline }
}
