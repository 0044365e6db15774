//! What has to happen after a transaction and must not be forgotten: mail, and entries in the logs of tenants that a
//! request could not write to. A task is committed with what it follows from, and done soon after by whichever
//! instance comes first.
//!
//! It is also what makes answers alike: a request does the same whether an address has an identity or not, and
//! the difference is made here, where nobody can watch.

mod first_message;
mod purge;
mod schedule;
mod worker;

use std::sync::Arc;

use rowhouse_chassis::client::Client;
use rowhouse_tenancy::{DbError, Transaction};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use uuid::Uuid;

pub(crate) use first_message::{FirstMessageError, first_message};
pub(crate) use schedule::is_too_old;
pub(crate) use worker::Worker;

use crate::domain::{EmailAddress, Outcome, UserId};
use crate::mail::limits::{OutgoingEmail, Permit};
use crate::sealing::{NotOurs, Sealing};
use crate::store::outbox::insert_task;

const PURPOSE: &str = "outbox";
/// About as long as a task with an address in it.
const USUAL_TASK: usize = 64;

/// Something to do. Kept encrypted: letters have one-time links in them.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Task {
    /// Send a message.
    Mail(OutgoingEmail),
    /// Mail a link to set a new password, if the address, known or not, has an identity.
    RequestPasswordReset(Permit),
    /// Mail the link again that confirms the address, known or not, if it has an identity and is not confirmed.
    ResendVerification(Permit),
    /// Write to the logs of the tenants of this address, of which there may be none, that a login failed.
    SignInFailed {
        /// The address, known or not.
        email: String,
        /// The tenant that was named.
        tenant: Option<String>,
        /// What was wrong, such as `wrong_password`.
        reason: String,
        /// The attempt was refused unseen.
        denied: bool,
        /// It was the right password of an unconfirmed address, and perhaps the message that confirms it was lost.
        #[serde(default)]
        resend: bool,
        /// Where it came from.
        ip_address: Option<String>,
        /// By which program.
        user_agent: Option<String>,
    },
    /// Write to the logs of a person's tenants what they did by a mailed link, which belongs to none of them.
    DoneByLink {
        /// The person.
        user: Uuid,
        /// What.
        deed: Deed,
        /// Where it came from.
        ip_address: Option<String>,
        /// By which program.
        user_agent: Option<String>,
    },
}

/// What a person does by a mailed link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Deed {
    /// They set a password.
    ResetPassword,
    /// They confirmed their address.
    VerifyEmail,
}

/// Why a task cannot be added.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnqueueError {
    #[error("a task cannot be written: {0}")]
    Json(#[from] serde_json::Error),
    #[error("a task cannot be encrypted: {0}")]
    Sealing(#[from] NotOurs),
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Where tasks are put. Cloning shares it.
#[derive(Clone)]
pub(crate) struct Outbox {
    sealing: Sealing,
    added: Arc<Notify>,
}

impl Outbox {
    pub(crate) fn new(sealing: Sealing) -> Self {
        Self { sealing, added: Arc::default() }
    }

    /// Adds a task to the transaction; call [`Outbox::wake`] when it is committed.
    pub(crate) async fn add(&self, tx: &mut impl Transaction, task: &Task) -> Result<(), EnqueueError> {
        self.insert(tx, &serde_json::to_vec(task)?, true).await
    }

    /// Takes as long as [`Outbox::add`] and adds nothing: for a request that is answered alike whether there is something to do. A row that
    /// says so would be simpler, but strangers could fill the table with them.
    pub(crate) async fn add_nothing(&self, tx: &mut impl Transaction) -> Result<(), EnqueueError> {
        self.insert(tx, &[0; USUAL_TASK], false).await
    }

    async fn insert(&self, tx: &mut impl Transaction, task: &[u8], wanted: bool) -> Result<(), EnqueueError> {
        let id = Uuid::now_v7();
        let sealed = self.sealing.seal(PURPOSE, id.as_bytes(), task)?;
        Ok(insert_task(tx, id, sealed, wanted).await?)
    }

    /// Has the worker look at once. Without it, it looks within a second.
    pub(crate) fn wake(&self) {
        self.added.notify_one();
    }
}

impl Task {
    /// Something that a person did by a mailed link.
    pub(crate) fn done_by_link(user: UserId, deed: Deed, client: &Client) -> Self {
        Self::DoneByLink {
            user: user.as_uuid(),
            deed,
            ip_address: client.address.map(|address| address.to_string()),
            user_agent: client.user_agent.clone(),
        }
    }

    /// A login that failed, or was turned away.
    pub(crate) fn sign_in_failed(
        email: &EmailAddress,
        tenant: Option<&str>,
        reason: &str,
        outcome: Outcome,
        client: &Client,
    ) -> Self {
        Self::SignInFailed {
            email: email.as_str().to_owned(),
            tenant: tenant.map(str::to_owned),
            reason: reason.to_owned(),
            denied: outcome == Outcome::Denied,
            resend: false,
            ip_address: client.address.map(|address| address.to_string()),
            user_agent: client.user_agent.clone(),
        }
    }

    /// A login that failed for no other reason than that the address is not confirmed.
    pub(crate) fn unconfirmed(email: &EmailAddress, tenant: Option<&str>, client: &Client) -> Self {
        match Self::sign_in_failed(email, tenant, "email_not_verified", Outcome::Failure, client) {
            Self::SignInFailed { email, tenant, reason, denied, ip_address, user_agent, .. } => {
                Self::SignInFailed { email, tenant, reason, denied, resend: true, ip_address, user_agent }
            }
            other => other,
        }
    }
}
