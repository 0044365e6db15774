//! The work that auth does for an address or a person before it is known whether they are in a tenant: email, and entries in the logs of
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

use crate::domain::{AuditOutcome, EmailAddress, UserId};
use crate::mail::limits::{OutgoingEmail, Permit};

/// The queue of tasks.
pub(crate) type Tasks = GlobalQueue<Task>;

/// A task.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Task {
    /// Send an email.
    Mail(OutgoingEmail),
    /// Send a link to set a new password, if the address has an identity.
    RequestPasswordReset(Permit),
    /// Send the confirmation link again, if the address has an identity and is not confirmed.
    ResendVerification(Permit),
    /// Record a failed login in the logs of the tenants of this address, if there are any.
    SignInFailed {
        /// The address, known or not.
        email: String,
        /// The tenant that was named.
        tenant: Option<String>,
        /// The reason, such as `wrong_password`.
        reason: String,
        /// True if the attempt was refused before the password was checked.
        denied: bool,
        /// True if the password was right and the address was not confirmed. The confirmation email may have been lost,
        /// so it is sent again.
        #[serde(default)]
        resend: bool,
        /// The client's address.
        ip_address: Option<String>,
        /// The client's program.
        user_agent: Option<String>,
    },
    /// Record an action by an emailed link, which belongs to no tenant, in the logs of the person's tenants.
    DoneByLink {
        /// The person.
        user: Uuid,
        /// The action. Stored tasks have it by the name of earlier releases, which can still read them.
        #[serde(rename = "deed")]
        action: LinkAction,
        /// The client's address.
        ip_address: Option<String>,
        /// The client's program.
        user_agent: Option<String>,
    },
}

/// An action by an emailed link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum LinkAction {
    /// The person set a password.
    ResetPassword,
    /// The person confirmed the address.
    VerifyEmail,
}

impl GlobalJob for Task {
    const KIND: &'static str = "auth.task";
    // The purpose of tasks that were moved from the table of earlier releases.
    const PURPOSE: &'static str = "outbox";
    /// Tasks that are too old are abandoned before.
    const MAX_ATTEMPTS: i32 = 10_000;
}

impl Task {
    /// Creates the task for an action by an emailed link.
    pub(crate) fn done_by_link(user: UserId, action: LinkAction, client: &Client) -> Self {
        Self::DoneByLink {
            user: user.as_uuid(),
            action,
            ip_address: client.address.map(|address| address.to_string()),
            user_agent: client.user_agent.clone(),
        }
    }

    /// Creates the task for a failed or refused login.
    pub(crate) fn sign_in_failed(
        email: &EmailAddress,
        tenant: Option<&str>,
        reason: &str,
        outcome: AuditOutcome,
        client: &Client,
    ) -> Self {
        Self::SignInFailed {
            email: email.as_str().to_owned(),
            tenant: tenant.map(str::to_owned),
            reason: reason.to_owned(),
            denied: outcome == AuditOutcome::Denied,
            resend: false,
            ip_address: client.address.map(|address| address.to_string()),
            user_agent: client.user_agent.clone(),
        }
    }

    /// Creates the task for a login that failed only because the address is not confirmed.
    pub(crate) fn unconfirmed(email: &EmailAddress, tenant: Option<&str>, client: &Client) -> Self {
        match Self::sign_in_failed(email, tenant, "email_not_verified", AuditOutcome::Failure, client) {
            Self::SignInFailed { email, tenant, reason, denied, ip_address, user_agent, .. } => {
                Self::SignInFailed { email, tenant, reason, denied, resend: true, ip_address, user_agent }
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Releases that run at the same time read each other's tasks.
    #[test]
    fn an_action_by_a_link_is_stored_as_before() {
        let user = Uuid::nil();
        let (ip_address, user_agent) = (None, None);
        let task = Task::DoneByLink { user, action: LinkAction::VerifyEmail, ip_address, user_agent };
        let stored = serde_json::to_string(&task).unwrap();
        let before = r#"{"DoneByLink":{"user":"00000000-0000-0000-0000-000000000000","deed":"VerifyEmail","ip_address":null,"user_agent":null}}"#;
        assert_eq!(stored, before);
        let read = serde_json::from_str::<Task>(before).unwrap();
        assert!(matches!(read, Task::DoneByLink { action: LinkAction::VerifyEmail, .. }), "{read:?}");
    }
}
