//! Mail to people.

mod letters;
pub(crate) mod limits;
mod mailer;
mod quoted;
mod server;

use serde::{Deserialize, Serialize};

pub use mailer::MailError;
pub(crate) use mailer::{Mailer, SendError};

/// What a letter says. Its tokens are secrets.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum Letter {
    /// To a new person, or one with a new address: the link confirms it.
    VerifyEmail {
        token: String,
    },
    /// The link sets a password: a person's first one, or a new one.
    SetPassword {
        token: String,
        first: bool,
    },
    /// The link makes the person a member.
    Invitation {
        tenant: String,
        /// The inviting member's address; nobody's when the person is to be a tenant's first owner.
        inviter: Option<String>,
        role: String,
        token: String,
    },
    /// To a tenant's first member, who can log in to it.
    Welcome {
        tenant: String,
        slug: String,
    },
    PasswordChanged,
    MfaEnabled,
    MfaDisabled,
    /// To a tenant's administrators: nobody but the system did it.
    WebhookEndpointDisabled {
        tenant: String,
        webhook_endpoint_id: String,
        /// Its receiver wants it so; otherwise it takes nothing.
        gone: bool,
    },
}

impl Letter {
    /// What the letter's link proves with.
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

impl std::fmt::Debug for Letter {
    /// Says which letter it is, and none of its tokens.
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
