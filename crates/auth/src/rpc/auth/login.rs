//! The method that logs a person in.

use rowhouse_chassis::client::Client;
use rowhouse_chassis::cpu_pool::{Asker, CpuPoolError};
use rowhouse_chassis::error::Violations;
use rowhouse_chassis::grpc::{Deadline, deadline};
use rowhouse_proto::auth::v1::{LoginRequest, LoginResponse};
use tonic::Request;

use crate::domain::{
    ActiveMembership, AuditOutcome, ChooseError, DeviceToken, EmailAddress, MfaToken, Password, PasswordHash,
    choose,
};
use crate::error::Error;
use crate::hashing::{HashingError, PasswordVerdict};
use crate::rpc::Rpc;
use crate::rpc::tokens::Method;
use crate::store::identities::{Identity, find_identity, replace_hash};
use crate::store::memberships::list_active_memberships;
use crate::tasks::Task;
use crate::throttle::{Admitted, LoginAttempt};

/// The number of attempts, after another call changed the password or the second factor.
const ROUNDS: usize = 3;

/// Logs a person in. A wrong address or password is reported only after a hash was computed. Requests that are
/// invalid for everybody are refused before.
pub(super) async fn login(rpc: &Rpc, request: Request<LoginRequest>) -> Result<LoginResponse, Error> {
    let (client, deadline) = (Client::of(&request), deadline(&request));
    let LoginRequest { email, password, tenant, device_token } = request.into_inner();
    let (email, password) = parse(&email, password, tenant.as_deref())?;
    let attempt = Login { rpc, email, tenant, client, device_token, password, deadline };

    let (mut identity, device, admitted) = attempt.admit().await?;
    for _ in 0..ROUNDS {
        match attempt.let_in(identity, device.as_ref(), &admitted).await {
            Err(Error::Contended) => {
                let found = rpc.db.global_tx("auth.find_identity", async |tx| {
                    find_identity(tx, &attempt.email).await.map_err(Error::from)
                });
                identity = found.await?;
            }
            outcome => return outcome,
        }
    }
    Err(Error::Contended)
}

struct Login<'a> {
    rpc: &'a Rpc,
    email: EmailAddress,
    tenant: Option<String>,
    client: Client,
    device_token: Option<String>,
    password: Option<Password>,
    deadline: Option<Deadline>,
}

impl Login<'_> {
    /// Begins a session if the password is right.
    async fn let_in(
        &self,
        identity: Option<Identity>,
        device: Option<&DeviceToken>,
        admitted: &Admitted,
    ) -> Result<LoginResponse, Error> {
        let Self { rpc, client, .. } = self;
        let (identity, hash) = self.check(identity, admitted).await?;
        let memberships = rpc.db.global_tx("auth.memberships_of", async |tx| {
            // With a second factor the attempt is successful only after the code.
            if !identity.mfa {
                admitted.counted.succeeded(tx).await?;
            }
            Ok::<_, Error>(list_active_memberships(tx, identity.id).await?)
        });
        let ActiveMembership { tenant, .. } = match choose(memberships.await?, self.tenant.as_deref()) {
            Ok(chosen) => chosen,
            Err(ChooseError::None) => return Err(Error::NoActiveTenant),
            Err(ChooseError::Several(memberships)) => return Err(Error::TenantRequired(memberships)),
            Err(ChooseError::NotAMember) => return Err(self.failed("not_a_member").await?),
        };
        if identity.mfa {
            let token = MfaToken::new(identity.id, tenant, &hash, admitted.counted.clone());
            return Err(Error::MfaRequired { mfa_token: token.expose(&rpc.encryption)? });
        }
        let (_, tokens) = rpc.begin_session(identity.id, tenant, client, Method::Password(&hash)).await?;
        let device = device.cloned().unwrap_or_else(|| DeviceToken::new(identity.id));
        Ok(LoginResponse { tokens: Some(rpc.on_device(tokens, &device)?) })
    }

    /// Checks the password. Returns the person with the hash that was checked, or with its replacement if it was
    /// outdated.
    async fn check(
        &self,
        identity: Option<Identity>,
        admitted: &Admitted,
    ) -> Result<(Identity, PasswordHash), Error> {
        let rpc = self.rpc;
        let guess = &admitted.guess;
        let asker = self.asker(admitted.known, identity.as_ref());
        // A disabled person gets the answer of an unknown address, after the same work.
        let open = identity.filter(|identity| !identity.disabled);
        let stored = open.as_ref().and_then(|identity| identity.password_hash.clone());
        if open.as_ref().is_some_and(|identity| rpc.require_verified_email && !identity.email_verified) {
            // So does a person who has not confirmed the address. The email may have been lost, so another one is
            // sent.
            let checked = rpc.hashing.check_closed(self.password.clone(), stored, asker).await;
            return Err(if guess.looked_at(&rpc.db, checked).await? {
                self.unconfirmed().await?
            } else {
                self.failed("wrong_credentials").await?
            });
        }
        let checked = rpc.hashing.check(self.password.clone(), stored.clone(), asker).await;
        let verdict = guess.looked_at(&rpc.db, checked).await?;
        let (PasswordVerdict::Right { outdated }, Some(identity), Some(hash), Some(password)) =
            (verdict, open, stored, &self.password)
        else {
            return Err(self.failed("wrong_credentials").await?);
        };
        if !outdated {
            return Ok((identity, hash));
        }
        match rpc.hashing.hash(password.clone(), asker).await {
            Ok(new) => {
                let replaced = rpc.db.global_tx("auth.replace_hash", async |tx| {
                    replace_hash(tx, identity.id, &hash, &new).await.map_err(Error::from)
                });
                if replaced.await? { Ok((identity, new)) } else { Err(Error::Contended) }
            }
            // The password was right. Its hash is replaced at a later login.
            Err(HashingError::Pool(CpuPoolError::Busy { .. })) => Ok((identity, hash)),
            Err(error) => Err(error.into()),
        }
    }

    /// Finds the person and counts the attempt. The work does not depend on whether the address is known.
    async fn admit(&self) -> Result<(Option<Identity>, Option<DeviceToken>, Admitted), Error> {
        let encryption = &self.rpc.encryption;
        let admitted = self.rpc.db.global_tx("auth.admit_login", async |tx| {
            let identity = find_identity(tx, &self.email).await?;
            let device = match (&identity, &self.device_token) {
                (Some(identity), Some(token)) => DeviceToken::parse(encryption, token, identity.id),
                _ => None,
            };
            let (email, client) = (&self.email, &self.client);
            let attempt =
                LoginAttempt { email, tenant: self.tenant.as_deref(), client, device: device.as_ref() };
            let check_queue = |known| self.rpc.hashing.check_queue(self.asker(known, identity.as_ref()));
            let admitted = attempt.admit(encryption, tx, check_queue).await?;
            if admitted.admission.first {
                self.rpc.tasks.enqueue(tx, &self.task("too_many_attempts", AuditOutcome::Denied)).await?;
            }
            Ok::<_, Error>((identity, device, admitted))
        });
        let (identity, device, admitted) = admitted.await?;
        match admitted.admission.refused() {
            None => Ok((identity, device, admitted)),
            Some(wait) => Err(Error::TooManyAttempts { wait }),
        }
    }

    fn asker(&self, known: bool, identity: Option<&Identity>) -> Asker {
        let person = identity.filter(|_| known).map(|identity| identity.id.as_uuid());
        Asker { known, person, network: self.client.network(), deadline: self.deadline }
    }

    /// Leaves a task that records the failure in the logs of the person's tenants, if the person exists.
    async fn failed(&self, reason: &str) -> Result<Error, Error> {
        self.leave(self.task(reason, AuditOutcome::Failure)).await
    }

    /// Leaves such a task which also sends the confirmation email again.
    async fn unconfirmed(&self) -> Result<Error, Error> {
        self.leave(Task::unconfirmed(&self.email, self.tenant.as_deref(), &self.client)).await
    }

    async fn leave(&self, task: Task) -> Result<Error, Error> {
        let left = self.rpc.db.global_tx("auth.login_failed", async |tx| {
            self.rpc.tasks.enqueue(tx, &task).await.map_err(Error::from)
        });
        left.await?;
        Ok(Error::InvalidCredentials)
    }

    fn task(&self, reason: &str, outcome: AuditOutcome) -> Task {
        Task::sign_in_failed(&self.email, self.tenant.as_deref(), reason, outcome, &self.client)
    }
}

/// Parses a request. A password that is too short or too long is not a field violation but a wrong password, so that
/// nothing is revealed.
fn parse(
    email: &str,
    password: String,
    tenant: Option<&str>,
) -> Result<(EmailAddress, Option<Password>), Error> {
    let mut violations = Violations::default();
    let email = violations.check("email", email.parse::<EmailAddress>());
    let password =
        if password.is_empty() { Err("send the password") } else { Ok(Password::parse_existing(password)) };
    let password = violations.check("password", password);
    let tenant =
        if tenant == Some("") { Err("send the tenant's slug or id, or leave it out") } else { Ok(()) };
    let tenant = violations.check("tenant", tenant);
    match (email, password, tenant) {
        (Some(email), Some(password), Some(())) => Ok((email, password)),
        _ => Err(violations.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(result: Result<(EmailAddress, Option<Password>), Error>) -> Vec<String> {
        match result {
            Err(Error::Invalid(violations)) => violations.into_iter().map(|one| one.field).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        assert_eq!(fields(parse("ada", String::new(), Some(""))), ["email", "password", "tenant"]);
        assert_eq!(fields(parse("", "correct horse".to_owned(), None)), ["email"]);
    }

    #[test]
    fn a_password_that_cannot_be_one_is_only_wrong() {
        for (password, possible) in
            [("1", false), ("12345678", true), (&"a".repeat(129), false), ("12345678\0", false)]
        {
            let (_, parsed) = parse("ada@example.com", password.to_owned(), None).unwrap();
            assert_eq!(parsed.is_some(), possible, "{password:?}");
        }
    }
}
