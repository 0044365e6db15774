//! Emails to people.

mod error;
pub(crate) mod limits;
mod mailer;
mod metrics;
mod quoted;
mod server;
mod texts;

use serde::{Deserialize, Serialize};

pub use error::MailError;
pub(crate) use error::SendError;
pub(crate) use mailer::Mailer;
pub(crate) use metrics::OLDEST_EMAIL;

/// The content of an email. Its tokens are secrets.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum EmailContent {
    /// The link confirms the address of a new person, or a new address.
    VerifyEmail {
        token: String,
    },
    /// The link sets a password, a first or a new one.
    SetPassword {
        token: String,
        first: bool,
    },
    /// The link makes the person a member.
    Invitation {
        tenant: String,
        /// The inviting member's address, or `None` for a tenant's first owner.
        inviter: Option<String>,
        role: String,
        token: String,
    },
    /// Welcomes a tenant's first member, who can log in.
    Welcome {
        tenant: String,
        slug: String,
    },
    PasswordChanged,
    MfaEnabled,
    MfaDisabled,
    /// Tells a tenant's administrators that the system disabled an endpoint.
    WebhookEndpointDisabled {
        tenant: String,
        webhook_endpoint_id: String,
        /// True if the receiver requested it with a 410; otherwise the endpoint failed for days.
        gone: bool,
    },
}

impl EmailContent {
    /// Returns the token of the email's link.
    fn token(&self) -> Option<&str> {
        match self {
            Self::VerifyEmail { token }
            | Self::SetPassword { token, .. }
            | Self::Invitation { token, .. } => Some(token),
            Self::Welcome { .. }
            | Self::PasswordChanged
            | Self::MfaEnabled
            | Self::MfaDisabled
            | Self::WebhookEndpointDisabled { .. } => None,
        }
    }
}

impl std::fmt::Debug for EmailContent {
    /// Shows the kind of the email, and no token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::VerifyEmail { .. } => "VerifyEmail",
            Self::SetPassword { .. } => "SetPassword",
            Self::Invitation { .. } => "Invitation",
            Self::Welcome { .. } => "Welcome",
            Self::PasswordChanged => "PasswordChanged",
            Self::MfaEnabled => "MfaEnabled",
            Self::MfaDisabled => "MfaDisabled",
            Self::WebhookEndpointDisabled { .. } => "WebhookEndpointDisabled",
        })
    }
}
