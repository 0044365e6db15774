//! Entries of the audit log.

use std::collections::BTreeMap;

use rowhouse_chassis::client::Client;
use rowhouse_tokens::Principal;
use uuid::Uuid;

use super::UserId;

/// The actor of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Actor {
    User(UserId),
    ApiKey(Uuid),
    System,
    /// Somebody who was not recognised.
    Anonymous,
}

/// The result of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuditOutcome {
    Success,
    /// The caller's input was wrong.
    Failure,
    /// The caller was not allowed to do it.
    Denied,
}

/// Declares the actions with their names in the log, which are part of the API.
macro_rules! actions {
    ($($(#[doc = $what:literal])+ $variant:ident $name:literal;)*) => {
        /// An action, with its name in the audit log.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Action {
            $($(#[doc = $what])+ $variant,)*
        }

        impl Action {
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

actions! {
    /// A login: by a password, and by a second factor where there is one.
    SignIn "sign_in";
    /// A session began. `method` says by what: `password`, `mfa`, `switch`.
    SessionCreate "session.create";
    /// A refresh token was refused; `reason` says why.
    SessionRefresh "session.refresh";
    /// A session ended; `reason` says why.
    SessionEnd "session.end";
    /// A person ended all of their sessions but the current one, in all of their tenants; `ended` has their number.
    SessionEndOthers "session.end_others";
    /// A person became a member.
    MemberAdd "member.add";
    /// A member's role changed; `from` and `to` are in the details.
    MemberUpdate "member.update";
    /// A member was removed, or left.
    MemberRemove "member.remove";
    /// An invitation was sent.
    InvitationCreate "invitation.create";
    /// An invitation was sent again, with a new link.
    InvitationResend "invitation.resend";
    /// An invitation was deleted.
    InvitationDelete "invitation.delete";
    /// An invitation was revoked, since its sender may not invite any more; `reason` says why.
    InvitationRevoke "invitation.revoke";
    /// An invitation was accepted.
    InvitationAccept "invitation.accept";
    /// An API key was created.
    ApiKeyCreate "api_key.create";
    /// An API key was deleted.
    ApiKeyDelete "api_key.delete";
    /// An API key was revoked, since its creator has none of its permissions any more; `reason` says why.
    ApiKeyRevoke "api_key.revoke";
    /// An API key lost scopes that its creator does not have any more; `from` and `to` are in the details.
    ApiKeyReduce "api_key.reduce";
    /// An API key was exchanged for an access token, or the exchange failed.
    ApiKeyExchange "api_key.exchange";
    /// A person changed their password, or tried to.
    PasswordChange "password.change";
    /// A person set a new password by an emailed link.
    PasswordReset "password.reset";
    /// A person confirmed their address.
    EmailVerify "email.verify";
    /// A person activated their second factor.
    MfaEnable "mfa.enable";
    /// A person removed their second factor.
    MfaDisable "mfa.disable";
    /// The system disabled a webhook endpoint; `reason` says why: `failing`, `gone`.
    WebhookEndpointDisable "webhook_endpoint.disable";
}

/// An entry. It never contains a secret.
#[derive(Clone, Debug)]
pub(crate) struct AuditEntry {
    pub(crate) actor: Actor,
    pub(crate) action: Action,
    pub(crate) outcome: AuditOutcome,
    pub(crate) target: Option<(&'static str, Uuid)>,
    pub(crate) client: Client,
    pub(crate) details: BTreeMap<&'static str, String>,
}

impl AuditEntry {
    /// Creates an entry for an action that succeeded.
    pub(crate) fn success(actor: Actor, action: Action, client: &Client) -> Self {
        let (target, details) = (None, BTreeMap::new());
        Self { actor, action, outcome: AuditOutcome::Success, target, client: client.clone(), details }
    }

    /// Creates an entry for an action that failed because of the caller's input.
    pub(crate) fn failure(actor: Actor, action: Action, client: &Client) -> Self {
        Self { outcome: AuditOutcome::Failure, ..Self::success(actor, action, client) }
    }

    /// Creates an entry for an action that the caller was not allowed to do.
    pub(crate) fn denied(actor: Actor, action: Action, client: &Client) -> Self {
        Self { outcome: AuditOutcome::Denied, ..Self::success(actor, action, client) }
    }

    /// Adds the target of the action, such as `member` and its id.
    pub(crate) fn on(self, kind: &'static str, id: Uuid) -> Self {
        Self { target: Some((kind, id)), ..self }
    }

    /// Adds a detail.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.details.insert(name, value.into());
        self
    }
}

impl Actor {
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::ApiKey(_) => "api_key",
            Self::System => "system",
            Self::Anonymous => "anonymous",
        }
    }

    pub(crate) const fn id(self) -> Option<Uuid> {
        match self {
            Self::User(user) => Some(user.as_uuid()),
            Self::ApiKey(id) => Some(id),
            Self::System | Self::Anonymous => None,
        }
    }
}

impl From<Option<&Principal>> for Actor {
    fn from(principal: Option<&Principal>) -> Self {
        match principal {
            Some(Principal::User { id, .. }) => Self::User(UserId::from(*id)),
            Some(Principal::ApiKey { id, .. }) => Self::ApiKey(*id),
            Some(Principal::Service { .. }) | None => Self::System,
        }
    }
}

impl AuditOutcome {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Denied => "denied",
        }
    }
}
