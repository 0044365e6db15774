//! What auth does for an address or a person before it is known whether they are in a tenant: email, and entries in the logs of
//! tenants that a request could not write to. A task is a job that belongs to no tenant, committed with what it follows from.
//!
//! Tasks also make answers alike: a request does the same whether an address has an identity or not, and the difference is made
//! here, where nobody can watch.

mod first_message;
mod handler;

use rowhouse_chassis::client::Client;
use rowhouse_jobs::{GlobalJob, GlobalQueue};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub(crate) use first_message::first_message;
pub(crate) use handler::TaskHandler;

use crate::domain::{EmailAddress, Outcome, UserId};
use crate::mail::limits::{OutgoingEmail, Permit};

/// Where tasks are put.
pub(crate) type Tasks = GlobalQueue<Task>;

/// Something to do.
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

impl GlobalJob for Task {
    const KIND: &'static str = "auth.task";
    // As tasks are bound that were moved from the table of the releases before.
    const PURPOSE: &'static str = "outbox";
    /// Those that are too old are given up before.
    const MAX_ATTEMPTS: i32 = 10_000;
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
