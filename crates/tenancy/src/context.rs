//! Tenant contexts: which tenant work runs for, and on whose authority.

use rowhouse_tokens::{Permission, Principal, TokenSession, VerifiedToken};

use crate::TenantId;

/// A tenant, together with the authority to act for it.
///
/// The two constructors below are the only ones: a tenant id from a header, a body or a path cannot become a
/// context.
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

/// The reason why the system acts for a tenant without a caller's token. Reviews look at each use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemOrigin {
    /// The set-up of a tenant that has no members yet.
    Onboarding,
    /// Creation, exchange or end of a session. The caller has proved who it is by a password or by a secret that names
    /// the tenant.
    Authentication,
    /// Background work that was enqueued in the tenant.
    Job,
    /// A command that an operator runs.
    Operator,
}

impl TenantContext {
    /// Creates the context of a caller, in the tenant that its verified token names.
    #[must_use]
    pub fn from_verified(token: VerifiedToken) -> Self {
        Self { tenant: TenantId::from_uuid(token.tenant_id()), origin: Origin::Caller(token) }
    }

    /// Creates the context of work that the system does by itself in a tenant.
    #[must_use]
    pub const fn system(origin: SystemOrigin, tenant: TenantId) -> Self {
        Self { tenant, origin: Origin::System(origin) }
    }

    /// The tenant.
    #[must_use]
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Returns the caller, or `None` when the system acts by itself.
    #[must_use]
    pub fn principal(&self) -> Option<&Principal> {
        self.token().map(VerifiedToken::principal)
    }

    /// Returns the session that the caller's token belongs to, or `None` without a token and for a service's token.
    #[must_use]
    pub fn session(&self) -> Option<TokenSession> {
        self.token().and_then(VerifiedToken::session)
    }

    /// Returns whether the caller has the permission. Always `false` when the system acts by itself.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.principal().is_some_and(|principal| principal.may(permission))
    }

    /// Returns why the system acts by itself, or `None` when a caller's token is the authority.
    #[must_use]
    pub const fn system_origin(&self) -> Option<SystemOrigin> {
        match self.origin {
            Origin::Caller(_) => None,
            Origin::System(origin) => Some(origin),
        }
    }

    /// Returns the caller's token, for forwarding to another service.
    #[must_use]
    pub const fn token(&self) -> Option<&VerifiedToken> {
        match &self.origin {
            Origin::Caller(token) => Some(token),
            Origin::System(_) => None,
        }
    }
}
