//! On whose behalf something runs.

use rowhouse_tokens::{Permission, Principal, Session, VerifiedToken};

use crate::TenantId;

/// A tenant, and the reason why it may be acted for.
///
/// It has no other constructors than the two below: a tenant id that came in a header, a body or a path
/// cannot become one.
#[derive(Clone, Debug)]
pub struct TenantContext {
    tenant: TenantId,
    origin: Origin,
}

#[derive(Clone, Debug)]
enum Origin {
    Caller(VerifiedToken),
    System(SystemOrigin),
}

/// Work that no caller's token stands behind. Each use is a place to look at in a review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemOrigin {
    /// A tenant's set-up, before it has members.
    Onboarding,
    /// Making, exchanging or ending a session, for which the caller has shown a password or a secret that names
    /// the tenant.
    SignIn,
    /// Background work that was enqueued in the tenant.
    Job,
    /// A person at the command line.
    Operator,
}

impl TenantContext {
    /// The tenant that a verified token names.
    #[must_use]
    pub fn from_verified(token: VerifiedToken) -> Self {
        Self { tenant: TenantId::from_uuid(token.tenant_id()), origin: Origin::Caller(token) }
    }

    /// A tenant that the system itself acts for.
    #[must_use]
    pub const fn system(origin: SystemOrigin, tenant: TenantId) -> Self {
        Self { tenant, origin: Origin::System(origin) }
    }

    /// The tenant.
    #[must_use]
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Who calls; nobody when the system acts by itself.
    #[must_use]
    pub fn principal(&self) -> Option<&Principal> {
        self.token().map(VerifiedToken::principal)
    }

    /// What the caller's token ends with; nothing when there is no token, or a service's.
    #[must_use]
    pub fn session(&self) -> Option<Session> {
        self.token().and_then(VerifiedToken::session)
    }

    /// Whether the caller may do it; nobody may anything when the system acts by itself.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.principal().is_some_and(|principal| principal.may(permission))
    }

    /// Why the system acts by itself; nothing when a caller's token stands behind it.
    #[must_use]
    pub const fn system_origin(&self) -> Option<SystemOrigin> {
        match self.origin {
            Origin::Caller(_) => None,
            Origin::System(origin) => Some(origin),
        }
    }

    /// The caller's token, to be handed on to another service.
    #[must_use]
    pub const fn token(&self) -> Option<&VerifiedToken> {
        match &self.origin {
            Origin::Caller(token) => Some(token),
            Origin::System(_) => None,
        }
    }
}
