//! Doing what is in the outbox.

use std::time::Duration;

use rowhouse_chassis::client::Client;
use rowhouse_chassis::network::Network;
use rowhouse_chassis::shutdown::Shutdown;
use rowhouse_tenancy::{DbError, GlobalTx, SystemOrigin, TenantContext, TenantDb, TenantId};
use tokio::task::JoinSet;
use tokio::time::sleep;
use uuid::Uuid;

use super::first_message::{FirstMessageError, first_message};
use super::purge::purge_regularly;
use super::schedule::{BACKOFF, is_too_old};
use super::{Deed, EnqueueError, Outbox, PURPOSE, Task};
use crate::domain::{
    Action, Actor, AuditEntry, EmailAddress, InvalidEmailAddress, OneTimePurpose, OneTimeToken, UserId,
};
use crate::mail::limits::{self, Permit, Requester};
use crate::mail::{Letter, Mailer, SendError};
use crate::sealing::Sealing;
use crate::store::audit_log::record;
use crate::store::identities::{Identity, find_identity};
use crate::store::memberships::list_active_memberships;
use crate::store::one_time_tokens::{insert_token, remove_tokens};
use crate::store::outbox::{Claimed, claim_tasks, postpone_task, remove_task};

/// So many are done at a time: one that takes long does not hold the others up.
const AT_ONCE: usize = 8;
/// How long a task belongs to who claimed it. None takes longer.
const LEASE: Duration = Duration::from_secs(60);
/// How often to look without having been told.
const INTERVAL: Duration = Duration::from_secs(1);
/// Another instance, of a newer version or with a newer key, may be able to read what this one cannot.
const UNREADABLE_ATTEMPTS: i32 = 8;

/// Does what is in the outbox, as every instance of the service does. Cloning shares it.
#[derive(Clone)]
pub(crate) struct Worker {
    db: TenantDb,
    outbox: Outbox,
    sealing: Sealing,
    mailer: Mailer,
}

/// Why a task was not done.
#[derive(Debug, thiserror::Error)]
enum TaskError {
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    #[error(transparent)]
    Send(#[from] SendError),
    #[error("no random bytes: {0}")]
    Random(#[from] getrandom::Error),
    #[error(transparent)]
    Enqueue(#[from] EnqueueError),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<FirstMessageError> for TaskError {
    fn from(error: FirstMessageError) -> Self {
        match error {
            FirstMessageError::Random(error) => error.into(),
            FirstMessageError::Db(error) => error.into(),
        }
    }
}

impl TaskError {
    const fn is_final(&self, attempts: i32) -> bool {
        match self {
            Self::Unreadable(_) => attempts >= UNREADABLE_ATTEMPTS,
            Self::Send(SendError::Permanent(_)) => true,
            Self::Send(SendError::Temporary(_)) | Self::Random(_) | Self::Enqueue(_) | Self::Db(_) => false,
        }
    }
}

impl Worker {
    pub(crate) fn new(db: TenantDb, outbox: Outbox, sealing: Sealing, mailer: Mailer) -> Self {
        Self { db, outbox, sealing, mailer }
    }

    /// Works until `shutdown` is requested, and finishes what it is doing.
    pub(crate) async fn run(self, shutdown: Shutdown) {
        let mut running = JoinSet::new();
        let purging = tokio::spawn(purge_regularly(self.db.clone()));
        let mut reachable = true;
        loop {
            // At the very start as well: the first connection is for who asks whether the service is ready.
            tokio::select! {
                () = shutdown.requested() => break,
                Some(_) = running.join_next() => {}
                () = self.outbox.added.notified() => {}
                () = sleep(INTERVAL) => {}
            }
            match self.claim(AT_ONCE - running.len()).await {
                Ok(claimed) => {
                    reachable = true;
                    for task in claimed {
                        let worker = self.clone();
                        running.spawn(async move { worker.see_to(task).await });
                    }
                }
                // Said once; the requests will have more to say.
                Err(error) if reachable => {
                    reachable = false;
                    tracing::warn!(%error, "the outbox cannot be read: {error}");
                }
                Err(_) => {}
            }
        }
        purging.abort();
        while running.join_next().await.is_some() {}
    }

    async fn claim(&self, most: usize) -> Result<Vec<Claimed>, DbError> {
        let Ok(most @ 1..) = i32::try_from(most) else { return Ok(Vec::new()) };
        self.db.global_tx("auth.claim_tasks", async |tx| claim_tasks(tx, most, LEASE).await).await
    }

    /// Does a task, or puts it off, or gives it up.
    async fn see_to(&self, task: Claimed) {
        let Claimed { id, attempts, .. } = task;
        let Err(error) = self.execute(task).await else { return };
        let seen_to = if error.is_final(attempts) || is_too_old(id) {
            tracing::error!(task = %id, attempts, %error, "task {id} of the outbox is given up: {error}");
            self.db.global_tx("auth.remove_task", async |tx| remove_task(tx, id).await).await
        } else {
            tracing::warn!(task = %id, attempts, %error, "task {id} of the outbox is put off: {error}");
            let delay = BACKOFF.delay(attempts);
            self.db.global_tx("auth.postpone_task", async |tx| postpone_task(tx, id, delay).await).await
        };
        if let Err(error) = seen_to {
            tracing::warn!(task = %id, %error, "task {id} of the outbox stays claimed for a while: {error}");
        }
    }

    /// Does a task and removes it. What is done in the database is done together with the removal, so it is done once;
    /// a letter may be sent twice, if this stops between the two.
    async fn execute(&self, claimed: Claimed) -> Result<(), TaskError> {
        let Claimed { id, .. } = claimed;
        match self.open(&claimed)? {
            Task::Mail(email) => {
                let letter = email.letter();
                self.mailer.send(&readable(email.recipient())?, letter, id).await?;
                tracing::info!(task = %id, "sent the letter {letter:?}");
                self.db
                    .global_tx("auth.remove_task", async |tx| Ok::<_, TaskError>(remove_task(tx, id).await?))
                    .await
            }
            Task::RequestPasswordReset(permit) => self.mail_reset_link(id, permit).await,
            Task::ResendVerification(permit) => self.resend_verification(id, permit).await,
            Task::SignInFailed { email, tenant: _, reason, denied, resend, ip_address, user_agent } => {
                let email = readable(email.parse())?;
                let client = client(ip_address.as_deref(), user_agent);
                if resend {
                    self.resend_after_login(&email, client.network()).await?;
                }
                let found = self.db.global_tx("auth.find_identity", async |tx| {
                    Ok::<_, TaskError>(find_identity(tx, &email).await?)
                });
                let Some(identity) = found.await? else { return self.record(id, Vec::new(), None).await };
                let entry = if denied { AuditEntry::denied } else { AuditEntry::failure };
                let entry = entry(Actor::Anonymous, Action::SignIn, &client)
                    .on("user", identity.id.as_uuid())
                    .with("reason", reason)
                    .with("email", identity.email);
                self.record(id, self.tenants_of(identity.id).await?, Some(entry)).await
            }
            Task::DoneByLink { user, deed, ip_address, user_agent } => {
                let user = UserId::from(user);
                let action = match deed {
                    Deed::ResetPassword => Action::PasswordReset,
                    Deed::VerifyEmail => Action::EmailVerify,
                };
                let client = client(ip_address.as_deref(), user_agent);
                let entry =
                    AuditEntry::success(Actor::User(user), action, &client).on("user", user.as_uuid());
                self.record(id, self.tenants_of(user).await?, Some(entry)).await
            }
        }
    }

    fn open(&self, claimed: &Claimed) -> Result<Task, TaskError> {
        let plain = self.sealing.open(PURPOSE, claimed.id.as_bytes(), &claimed.sealed_task);
        let plain = plain.map_err(|error| TaskError::Unreadable(error.to_string()))?;
        // serde quotes what it did not expect, and that may be a secret.
        serde_json::from_slice(&plain)
            .or(Err(TaskError::Unreadable("it is no task of this version".to_owned())))
    }

    /// Mails a link to set a password, if the address has an identity that may be logged in to.
    async fn mail_reset_link(&self, id: Uuid, permit: Permit) -> Result<(), TaskError> {
        let email = readable(permit.recipient())?;
        let token = OneTimeToken::generate()?;
        self.db
            .global_tx("auth.mail_reset_link", async |tx| {
                let identity = find_identity(tx, &email).await?.filter(|identity| !identity.disabled);
                if let Some(identity) = identity {
                    remove_tokens(tx, identity.id, OneTimePurpose::SetPassword).await?;
                    let lifetime = OneTimeToken::RESET_LIFETIME;
                    insert_token(tx, &token, identity.id, OneTimePurpose::SetPassword, lifetime).await?;
                    let letter = Letter::SetPassword { token: token.expose(), first: false };
                    self.outbox.add(tx, &Task::Mail(permit.email(letter))).await?;
                }
                Ok::<_, TaskError>(remove_task(tx, id).await?)
            })
            .await?;
        self.outbox.wake();
        Ok(())
    }

    async fn resend_verification(&self, id: Uuid, permit: Permit) -> Result<(), TaskError> {
        let email = readable(permit.recipient())?;
        self.db
            .global_tx("auth.resend_verification", async |tx| {
                self.verification(tx, &email, permit).await?;
                Ok::<_, TaskError>(remove_task(tx, id).await?)
            })
            .await?;
        self.outbox.wake();
        Ok(())
    }

    /// The login itself was answered like any that fails.
    async fn resend_after_login(
        &self,
        email: &EmailAddress,
        network: Option<Network>,
    ) -> Result<(), TaskError> {
        self.db
            .global_tx("auth.resend_after_login", async |tx| {
                let stranger = Requester::Stranger { network };
                if let Ok(permit) = limits::admit(tx, &self.sealing, stranger, email).await? {
                    self.verification(tx, email, permit).await?;
                }
                Ok::<_, TaskError>(())
            })
            .await?;
        self.outbox.wake();
        Ok(())
    }

    /// The message that confirms an address, or sets the first password, once more: if the address has an identity that is
    /// not confirmed.
    async fn verification(
        &self,
        tx: &mut GlobalTx,
        email: &EmailAddress,
        permit: Permit,
    ) -> Result<(), TaskError> {
        let unconfirmed = |identity: &Identity| !identity.disabled && !identity.email_verified;
        let Some(identity) = find_identity(tx, email).await?.filter(unconfirmed) else { return Ok(()) };
        let message = first_message(tx, permit, identity.id, identity.password_hash.is_some()).await?;
        Ok(self.outbox.add(tx, &message).await?)
    }

    async fn tenants_of(&self, user: UserId) -> Result<Vec<TenantId>, TaskError> {
        let memberships = self.db.global_tx("auth.memberships_of", async |tx| {
            Ok::<_, TaskError>(list_active_memberships(tx, user).await?)
        });
        Ok(memberships.await?.into_iter().map(|membership| membership.tenant).collect())
    }

    /// Writes an entry to the log of each tenant, and removes the task with the last one.
    async fn record(
        &self,
        id: Uuid,
        tenants: Vec<TenantId>,
        entry: Option<AuditEntry>,
    ) -> Result<(), TaskError> {
        if let (Some(entry), Some((last, others))) = (entry, tenants.split_last()) {
            for tenant in others {
                self.record_in(*tenant, entry.clone(), None).await?;
            }
            if self.record_in(*last, entry, Some(id)).await? {
                return Ok(());
            }
        }
        self.db.global_tx("auth.remove_task", async |tx| Ok::<_, TaskError>(remove_task(tx, id).await?)).await
    }

    /// Says whether the tenant was still there and open.
    async fn record_in(
        &self,
        tenant: TenantId,
        entry: AuditEntry,
        done: Option<Uuid>,
    ) -> Result<bool, TaskError> {
        let cx = TenantContext::system(SystemOrigin::SignIn, tenant);
        let recorded = self.db.tx(&cx, "auth.record", async |tx| {
            record(tx, entry).await?;
            if let Some(id) = done {
                remove_task(tx, id).await?;
            }
            Ok(())
        });
        match recorded.await {
            Ok(()) => Ok(true),
            Err(DbError::UnknownTenant | DbError::TenantSuspended) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

fn readable(address: Result<EmailAddress, InvalidEmailAddress>) -> Result<EmailAddress, TaskError> {
    address.or(Err(TaskError::Unreadable("its address is none".to_owned())))
}

fn client(ip_address: Option<&str>, user_agent: Option<String>) -> Client {
    Client { address: ip_address.and_then(|address| address.parse().ok()), user_agent }
}
