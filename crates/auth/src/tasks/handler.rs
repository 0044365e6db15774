//! The handler of tasks, which runs in every instance.

use rowhouse_chassis::client::Client;
use rowhouse_chassis::network::Network;
use rowhouse_jobs::{Failure, GlobalHandler, GlobalRun};
use rowhouse_tenancy::{GlobalTx, SystemOrigin, TenantContext, TenantId};

use super::{LinkAction, Task, Tasks, first_message};
use crate::domain::{
    Action, Actor, AuditEntry, EmailAddress, InvalidEmailAddress, OneTimePurpose, OneTimeToken, UserId,
};
use crate::encryption::EncryptionKeys;
use crate::jobs::is_too_old;
use crate::mail::limits::{self, OutgoingEmail, Permit, Requester};
use crate::mail::{EmailContent, Mailer, SendError};
use crate::store::audit_log::record;
use crate::store::identities::{Identity, find_identity};
use crate::store::memberships::list_active_memberships;
use crate::store::one_time_tokens::{insert_token, remove_tokens};

/// Does the tasks, in every instance of the service.
pub(crate) struct TaskHandler {
    pub(crate) tasks: Tasks,
    pub(crate) encryption: EncryptionKeys,
    pub(crate) mailer: Mailer,
}

impl GlobalHandler<Task> for TaskHandler {
    /// Changes of the database are committed together with the end of the job, so they are made once. An email may be sent twice, if
    /// the process stops before the commit, with the same Message-ID both times.
    async fn run(&self, run: &GlobalRun, task: Task) -> Result<(), Failure> {
        let done = match task {
            Task::Mail(email) => self.send(run, &email).await,
            Task::RequestPasswordReset(permit) => self.mail_reset_link(run, permit).await,
            Task::ResendVerification(permit) => self.resend_verification(run, permit).await,
            Task::SignInFailed { email, tenant: _, reason, denied, resend, ip_address, user_agent } => {
                let client = client(ip_address.as_deref(), user_agent);
                self.sign_in_failed(run, &email, &reason, denied, resend, &client).await
            }
            Task::DoneByLink { user, action, ip_address, user_agent } => {
                let action = match action {
                    LinkAction::ResetPassword => Action::PasswordReset,
                    LinkAction::VerifyEmail => Action::EmailVerify,
                };
                let client = client(ip_address.as_deref(), user_agent);
                let entry = AuditEntry::success(Actor::User(user.into()), action, &client).on("user", user);
                record_everywhere(run, user.into(), entry).await
            }
        };
        match done {
            Err(failure) if is_too_old(run.id()) => Err(Failure::fatal(failure)),
            done => done,
        }
    }
}

impl TaskHandler {
    async fn send(&self, run: &GlobalRun, email: &OutgoingEmail) -> Result<(), Failure> {
        let content = email.content();
        match self.mailer.send(&readable(email.recipient())?, content, run.id().as_uuid()).await {
            Ok(()) => {
                tracing::info!("sent the email {content:?}");
                Ok(())
            }
            Err(error @ SendError::Permanent(_)) => Err(Failure::fatal(error)),
            Err(error @ SendError::Temporary(_)) => Err(Failure::retry(error)),
        }
    }

    /// Sends a link to set a password, if the address has an identity that may log in.
    async fn mail_reset_link(&self, run: &GlobalRun, permit: Permit) -> Result<(), Failure> {
        let email = readable(permit.recipient())?;
        let token = OneTimeToken::generate().map_err(Failure::retry)?;
        run.complete("auth.mail_reset_link", async |tx| {
            let identity = find_identity(tx, &email).await?.filter(|identity| !identity.disabled);
            let Some(identity) = identity else { return Ok(()) };
            remove_tokens(tx, identity.id, OneTimePurpose::SetPassword).await?;
            let lifetime = OneTimeToken::RESET_LIFETIME;
            insert_token(tx, &token, identity.id, OneTimePurpose::SetPassword, lifetime).await?;
            let content = EmailContent::SetPassword { token: token.expose(), first: false };
            self.tasks.enqueue(tx, &Task::Mail(permit.email(content))).await?;
            Ok(())
        })
        .await
    }

    async fn resend_verification(&self, run: &GlobalRun, permit: Permit) -> Result<(), Failure> {
        let email = readable(permit.recipient())?;
        run.complete("auth.resend_verification", async |tx| self.verification(tx, &email, permit).await).await
    }

    /// Writes to the logs of the person's tenants, if the address has an identity. The login's answer was that of every failed one, also
    /// if the confirmation email is sent again.
    async fn sign_in_failed(
        &self,
        run: &GlobalRun,
        email: &str,
        reason: &str,
        denied: bool,
        resend: bool,
        client: &Client,
    ) -> Result<(), Failure> {
        let email = readable(email.parse())?;
        if resend {
            self.resend_after_login(run, &email, client.network()).await?;
        }
        let found =
            run.tx("auth.find_identity", async |tx| Ok::<_, Failure>(find_identity(tx, &email).await?));
        let Some(identity) = found.await? else { return Ok(()) };
        let entry = if denied { AuditEntry::denied } else { AuditEntry::failure };
        let entry = entry(Actor::Anonymous, Action::SignIn, client)
            .on("user", identity.id.as_uuid())
            .with("reason", reason)
            .with("email", identity.email);
        record_everywhere(run, identity.id, entry).await
    }

    async fn resend_after_login(
        &self,
        run: &GlobalRun,
        email: &EmailAddress,
        network: Option<Network>,
    ) -> Result<(), Failure> {
        run.tx("auth.resend_after_login", async |tx| {
            let stranger = Requester::Stranger { network };
            match limits::admit(tx, &self.encryption, stranger, email).await? {
                Ok(permit) => self.verification(tx, email, permit).await,
                Err(_too_many) => Ok(()),
            }
        })
        .await
    }

    /// Creates the email that confirms an address or sets the first password, if the address has an unconfirmed
    /// identity.
    async fn verification(
        &self,
        tx: &mut GlobalTx,
        email: &EmailAddress,
        permit: Permit,
    ) -> Result<(), Failure> {
        let unconfirmed = |identity: &Identity| !identity.disabled && !identity.email_verified;
        let Some(identity) = find_identity(tx, email).await?.filter(unconfirmed) else { return Ok(()) };
        let message = first_message(tx, permit, identity.id, identity.password_hash.is_some()).await?;
        self.tasks.enqueue(tx, &message).await?;
        Ok(())
    }
}

/// Writes an entry to the log of each of a person's tenants, and ends the job with the last one.
async fn record_everywhere(run: &GlobalRun, user: UserId, entry: AuditEntry) -> Result<(), Failure> {
    let memberships =
        run.tx("auth.memberships_of", async |tx| Ok::<_, Failure>(list_active_memberships(tx, user).await?));
    let tenants: Vec<TenantId> = memberships.await?.into_iter().map(|membership| membership.tenant).collect();
    let Some((last, others)) = tenants.split_last() else { return Ok(()) };
    let context = |tenant: &TenantId| TenantContext::system(SystemOrigin::Authentication, *tenant);
    let write = async |tx: &mut _| Ok::<_, Failure>(record(tx, entry.clone()).await?);
    // Deleted and suspended tenants are left out.
    for tenant in others {
        run.tenant_tx(&context(tenant), "auth.record", write).await?;
    }
    run.complete_in_tenant(&context(last), "auth.record", write).await?;
    Ok(())
}

fn readable(address: Result<EmailAddress, InvalidEmailAddress>) -> Result<EmailAddress, Failure> {
    address.or(Err(Failure::fatal("its address is none")))
}

fn client(ip_address: Option<&str>, user_agent: Option<String>) -> Client {
    Client { address: ip_address.and_then(|address| address.parse().ok()), user_agent }
}
