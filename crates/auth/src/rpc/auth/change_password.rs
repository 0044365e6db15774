//! The method that changes the caller's password.

use rowhouse_chassis::client::Client;
use rowhouse_chassis::cpu_pool::Asker;
use rowhouse_chassis::error::Violations;
use rowhouse_chassis::grpc::deadline;
use rowhouse_proto::auth::v1::{ChangePasswordRequest, ChangePasswordResponse};
use rowhouse_tenancy::TenantContext;
use tonic::Request;

use crate::domain::{
    Action, Actor, AuditEntry, EmailAddress, EndReason, NewPassword, OneTimePurpose, Password, UserId,
};
use crate::error::Error;
use crate::hashing::PasswordVerdict;
use crate::mail::EmailContent;
use crate::rpc::notice::AccountOwner;
use crate::rpc::{Rpc, context, person};
use crate::store::audit_log::record;
use crate::store::identities::{Identity, end_all_sessions, get_identity, replace_hash};
use crate::store::one_time_tokens::remove_tokens;
use crate::throttle::Admitted;

/// Changes the password of a person who gives the current one. Attempts are counted per person: somebody with a
/// stolen session guesses no faster than at a login, and nobody without a session can use the attempts up. It ends
/// all sessions, the caller's included, and invalidates every link that was emailed before.
pub(super) async fn change_password(
    rpc: &Rpc,
    request: Request<ChangePasswordRequest>,
) -> Result<ChangePasswordResponse, Error> {
    let cx = context(&request)?;
    let user = person(&cx)?;
    let client = Client::of(&request);
    // A caller with a session is known.
    let (person, network) = (Some(user.as_uuid()), client.network());
    let asker = Asker { known: true, person, network, deadline: deadline(&request) };
    let ChangePasswordRequest { current: current_password, new: new_password } = request.into_inner();
    let change = Change { rpc, cx, user, client };

    let (identity, email) = change.identity().await?;
    let mut violations = Violations::default();
    let current = if current_password.is_empty() { Err("send the current password") } else { Ok(()) };
    let current = violations.check("current", current);
    let new = violations.check("new", NewPassword::parse(new_password, &email));
    let (Some(()), Some(new)) = (current, new) else { return Err(violations.into()) };

    let Admitted { counted, guess, .. } = change.admit(&email).await?;
    let current = Password::parse_existing(current_password);
    let stored = identity.password_hash.filter(|_| !identity.disabled);
    let checked = rpc.hashing.check(current, stored.clone(), asker).await;
    let (PasswordVerdict::Right { .. }, Some(old)) = (guess.looked_at(&rpc.db, checked).await?, stored)
    else {
        change.record(AuditEntry::failure, "wrong_password").await?;
        return Err(Error::InvalidCredentials);
    };
    rpc.db
        .global_tx("auth.password_known", async |tx| counted.succeeded(tx).await.map_err(Error::from))
        .await?;
    let hash = rpc.hashing.hash(new.into(), asker).await?;
    let Change { cx, client, .. } = &change;
    rpc.db
        .tx(cx, "auth.change_password", async |tx| {
            let entry = AuditEntry::success(Actor::User(user), Action::PasswordChange, client)
                .on("user", user.as_uuid());
            record(tx, entry).await?;
            // A password that was set meanwhile, by a link or another change, stays.
            if !replace_hash(tx, user, &old, &hash).await? {
                return Err(Error::Contended);
            }
            end_all_sessions(tx, user, EndReason::PasswordChanged, None).await?;
            remove_tokens(tx, user, OneTimePurpose::SetPassword).await?;
            let doer = AccountOwner { person: user, email: &email, tenant: Some(cx.tenant()), client };
            rpc.notify(tx, doer, EmailContent::PasswordChanged).await?;
            Ok::<_, Error>(())
        })
        .await?;
    Ok(ChangePasswordResponse {})
}

struct Change<'a> {
    rpc: &'a Rpc,
    cx: TenantContext,
    user: UserId,
    client: Client,
}

impl Change<'_> {
    /// Finds the person in the caller's tenant, so that an ended session is detected first.
    async fn identity(&self) -> Result<(Identity, EmailAddress), Error> {
        let found = self.rpc.db.read(&self.cx, "auth.get_identity", async |tx| {
            Ok::<_, Error>(get_identity(tx, self.user).await?)
        });
        let identity = found.await?.ok_or(Error::NotAMember)?;
        // The table contains only parsed addresses.
        let email = identity.email.parse().or(Err(Error::NotAMember))?;
        Ok((identity, email))
    }

    async fn admit(&self, email: &EmailAddress) -> Result<Admitted, Error> {
        let admitted = self.rpc.db.global_tx("auth.admit_change", async |tx| {
            let counted = Admitted::change(&self.rpc.encryption, tx, self.user, email, &self.client);
            counted.await.map_err(Error::from)
        });
        let admitted = admitted.await?;
        let Some(wait) = admitted.admission.refused() else { return Ok(admitted) };
        if admitted.admission.first {
            self.record(AuditEntry::denied, "too_many_attempts").await?;
        }
        Err(Error::TooManyAttempts { wait })
    }

    async fn record(
        &self,
        outcome: fn(Actor, Action, &Client) -> AuditEntry,
        reason: &str,
    ) -> Result<(), Error> {
        let entry = outcome(Actor::User(self.user), Action::PasswordChange, &self.client)
            .on("user", self.user.as_uuid())
            .with("reason", reason);
        self.rpc
            .db
            .tx(&self.cx, "auth.change_refused", async |tx| Ok::<_, Error>(record(tx, entry).await?))
            .await
    }
}
