//! Whether an address has an identity, and whether it is the caller's.

use super::NewMember;
use crate::domain::{Outcome, Password, PasswordHash, UserId};
use crate::error::Error;
use crate::hashing::Verdict;
use crate::outbox::Task;
use crate::rpc::Rpc;
use crate::store::attempts::{Admission, Limit, admit, forgive};
use crate::store::identities::{Identity, find_identity};

/// Attempts on one account, from anywhere. Who is turned away can still join by the mailed link, so this keeps nobody
/// out.
const FREE_ACCOUNT: i32 = 20;
/// Attempts from one address, behind which there may be a whole office.
const FREE_ADDRESS: i32 = 100;

pub(super) enum Person {
    /// The address has an identity, and the caller has shown that it is theirs.
    Known { id: UserId, email_verified: bool },
    /// The address had no identity when it was looked up.
    New { id: UserId, hash: Option<PasswordHash> },
    /// The address has an identity, and the caller has shown nothing.
    Unproven { failed: Option<Task> },
}

/// With a password, the same work is done whether the address has an identity or not; without one, none.
pub(super) async fn identify(rpc: &Rpc, new: &NewMember) -> Result<Person, Error> {
    if let Some(access_token) = &new.access_token {
        let Identity { id, email, email_verified, .. } = rpc.person_of(access_token).await?;
        if email != new.email.as_str() {
            return Err(Error::EmailMismatch);
        }
        return Ok(Person::Known { id, email_verified });
    }
    let attempt = Attempt::new(rpc, new);
    let (identity, Admission { wait, .. }) = attempt.admit().await?;
    let password = new.password.clone().map(Password::from);
    let Some(identity) = identity else {
        let hash = match password {
            Some(password) => Some(rpc.hashing.hash(password).await?),
            None => None,
        };
        attempt.forgive().await?;
        return Ok(Person::New { id: UserId::generate(), hash });
    };
    let Some(password) = password else { return Ok(Person::Unproven { failed: None }) };
    let looked_at = wait == 0 && !identity.disabled;
    let stored = identity.password_hash.filter(|_| looked_at);
    match rpc.hashing.check(Some(password), stored).await? {
        Verdict::Right { .. } => {
            attempt.forgive().await?;
            Ok(Person::Known { id: identity.id, email_verified: identity.email_verified })
        }
        Verdict::Wrong => {
            let (reason, outcome) = match wait {
                0 => ("wrong_credentials", Outcome::Failure),
                _ => ("too_many_attempts", Outcome::Denied),
            };
            let failed = Task::sign_in_failed(&new.email, None, reason, outcome, &new.client);
            Ok(Person::Unproven { failed: Some(failed) })
        }
    }
}

/// A sign-up, as far as it is counted: its answers say indirectly whether a password was right.
struct Attempt<'a> {
    rpc: &'a Rpc,
    new: &'a NewMember,
    limits: [Limit; 2],
}

impl<'a> Attempt<'a> {
    fn new(rpc: &'a Rpc, new: &'a NewMember) -> Self {
        let limit = |purpose, of: &str, free| Limit { key: rpc.sealing.digest(purpose, of.as_bytes()), free };
        let address = new.client.address.map(|address| address.to_string()).unwrap_or_default();
        let limits = [
            limit("sign-ups for an account", new.email.as_str(), FREE_ACCOUNT),
            limit("sign-ups from an address", &address, FREE_ADDRESS),
        ];
        Self { rpc, new, limits }
    }

    async fn admit(&self) -> Result<(Option<Identity>, Admission), Error> {
        let admitted = self.rpc.db.global_tx("auth.admit_sign_up", async |tx| {
            let identity = find_identity(tx, &self.new.email).await?;
            Ok::<_, Error>((identity, admit(tx, &self.limits).await?))
        });
        admitted.await
    }

    async fn forgive(&self) -> Result<(), Error> {
        let keys = self.limits.map(|limit| limit.key);
        let forgiven = self
            .rpc
            .db
            .global_tx("auth.forgive_sign_up", async |tx| forgive(tx, &[], &keys).await.map_err(Error::from));
        forgiven.await.map(drop)
    }
}
