//! Logging in.

use rowhouse_chassis::client::Client;
use rowhouse_chassis::cpu_pool::{Asker, CpuPoolError};
use rowhouse_chassis::error::Violations;
use rowhouse_chassis::grpc::deadline;
use rowhouse_proto::auth::v1::{LoginRequest, LoginResponse};
use tonic::Request;

use crate::domain::{
    ActiveMembership, ChooseError, DeviceToken, EmailAddress, MfaToken, Outcome, Password, choose,
};
use crate::error::Error;
use crate::hashing::{HashingError, Verdict};
use crate::outbox::Task;
use crate::rpc::Rpc;
use crate::rpc::tokens::Method;
use crate::store::identities::{Identity, find_identity, replace_hash};
use crate::store::memberships::list_active_memberships;
use crate::throttle::{Admitted, Attempt};

/// Whatever is wrong with the address or the password is found out only after a hash was spent on it. A
/// request that cannot belong to anyone is refused before.
pub(super) async fn login(rpc: &Rpc, request: Request<LoginRequest>) -> Result<LoginResponse, Error> {
    let (client, deadline) = (rpc.proxies.client(&request), deadline(&request));
    let LoginRequest { email, password, tenant, device_token } = request.into_inner();
    let (email, password) = parse(&email, password, tenant.as_deref())?;
    let attempt = Login { rpc, email, tenant, client, device_token };

    let (identity, device, Admitted { counted, known, .. }) = attempt.admit().await?;
    let asker = Asker { known, network: attempt.client.network(), deadline };
    // Who may not log in at all is answered like somebody who is not there, after the same work.
    let open = identity.filter(|identity| !identity.disabled);
    let stored = open.as_ref().and_then(|identity| identity.password_hash.clone());
    if open.as_ref().is_some_and(|identity| rpc.require_verified_email && !identity.email_verified) {
        // So is who has not confirmed the address. They may have lost the message, and get another one.
        let right = rpc.hashing.check_closed(password, stored, asker).await?;
        return Err(if right {
            attempt.unconfirmed().await?
        } else {
            attempt.failed("wrong_credentials").await?
        });
    }
    let verdict = rpc.hashing.check(password.clone(), stored.clone(), asker).await?;
    let (Verdict::Right { outdated }, Some(identity), Some(hash), Some(password)) =
        (verdict, open, stored, password)
    else {
        return Err(attempt.failed("wrong_credentials").await?);
    };
    let rehashed = if outdated {
        match rpc.hashing.hash(password, asker).await {
            Ok(new) => Some(new),
            // The password was right: it gets its new hash at a quieter login.
            Err(HashingError::Pool(CpuPoolError::Busy { .. })) => None,
            Err(error) => return Err(error.into()),
        }
    } else {
        None
    };

    let memberships = rpc
        .db
        .global_tx("auth.login", async |tx| {
            if let Some(new) = &rehashed {
                replace_hash(tx, identity.id, &hash, new).await?;
            }
            // With a second factor the attempt is not a good one before that was shown.
            if !identity.mfa {
                counted.succeeded(tx).await?;
            }
            Ok::<_, Error>(list_active_memberships(tx, identity.id).await?)
        })
        .await?;
    let ActiveMembership { tenant, .. } = match choose(memberships, attempt.tenant.as_deref()) {
        Ok(chosen) => chosen,
        Err(ChooseError::None) => return Err(Error::NoActiveTenant),
        Err(ChooseError::Several(memberships)) => return Err(Error::TenantRequired(memberships)),
        Err(ChooseError::NotAMember) => return Err(attempt.failed("not_a_member").await?),
    };
    if identity.mfa {
        let token = MfaToken::new(identity.id, tenant, rehashed.as_ref().unwrap_or(&hash), counted);
        return Err(Error::MfaRequired { mfa_token: token.expose(&rpc.sealing)? });
    }
    let (_, tokens) = rpc.begin_session(identity.id, tenant, &attempt.client, Method::Password).await?;
    let device = device.unwrap_or_else(|| DeviceToken::new(identity.id));
    Ok(LoginResponse { tokens: Some(rpc.on_device(tokens, &device)?) })
}

struct Login<'a> {
    rpc: &'a Rpc,
    email: EmailAddress,
    tenant: Option<String>,
    client: Client,
    device_token: Option<String>,
}

impl Login<'_> {
    /// Looks the person up and counts the attempt, which takes the same work whoever it is.
    async fn admit(&self) -> Result<(Option<Identity>, Option<DeviceToken>, Admitted), Error> {
        let sealing = &self.rpc.sealing;
        let admitted = self.rpc.db.global_tx("auth.admit_login", async |tx| {
            let identity = find_identity(tx, &self.email).await?;
            let device = match (&identity, &self.device_token) {
                (Some(identity), Some(token)) => DeviceToken::parse(sealing, token, identity.id),
                _ => None,
            };
            let (email, client) = (&self.email, &self.client);
            let attempt = Attempt { email, tenant: self.tenant.as_deref(), client, device: device.as_ref() };
            let admitted = attempt.admit(sealing, tx).await?;
            if admitted.admission.first {
                self.rpc.outbox.add(tx, &self.task("too_many_attempts", Outcome::Denied)).await?;
            }
            Ok::<_, Error>((identity, device, admitted))
        });
        let (identity, device, admitted) = admitted.await?;
        match admitted.admission.refused() {
            None => Ok((identity, device, admitted)),
            Some(wait) => {
                self.rpc.outbox.wake();
                Err(Error::TooManyAttempts { wait })
            }
        }
    }

    /// Leaves word of it for the logs of the person's tenants, if there is such a person.
    async fn failed(&self, reason: &str) -> Result<Error, Error> {
        self.leave(self.task(reason, Outcome::Failure)).await
    }

    /// The same, and the message goes out again that confirms the address.
    async fn unconfirmed(&self) -> Result<Error, Error> {
        self.leave(Task::unconfirmed(&self.email, self.tenant.as_deref(), &self.client)).await
    }

    async fn leave(&self, task: Task) -> Result<Error, Error> {
        let left = self.rpc.db.global_tx("auth.login_failed", async |tx| {
            self.rpc.outbox.add(tx, &task).await.map_err(Error::from)
        });
        left.await?;
        self.rpc.outbox.wake();
        Ok(Error::InvalidCredentials)
    }

    fn task(&self, reason: &str, outcome: Outcome) -> Task {
        Task::sign_in_failed(&self.email, self.tenant.as_deref(), reason, outcome, &self.client)
    }
}

/// A password that is too short or too long is no field violation: it is as wrong as any other, and nothing
/// is to be learnt from it.
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
