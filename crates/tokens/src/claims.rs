//! The contents of a verified token: the caller, the tenant, the session.

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

use crate::{Permission, Role};

/// The caller that a token identifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// A person.
    User {
        /// The id of the identity.
        id: Uuid,
        /// The person's role in the token's tenant when the token was issued.
        role: Role,
    },
    /// An API key of the tenant.
    ApiKey {
        /// The id of the API key.
        id: Uuid,
        /// The scopes of the token, which are names of permissions: some or all of the key's.
        scopes: Vec<String>,
    },
    /// A service that calls on its own behalf.
    Service {
        /// The service's name, which is the token's issuer.
        name: String,
    },
}

impl Principal {
    /// Returns whether the caller has the permission. A service has none: each method that services may call names them.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        match self {
            Self::User { role, .. } => role.may(permission),
            Self::ApiKey { scopes, .. } => scopes.iter().any(|scope| scope == permission.as_str()),
            Self::Service { .. } => false,
        }
    }
}

/// The parts of a token that its revocation refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenSession {
    /// The claim `sid`: the session of a person, or the API key.
    pub id: Uuid,
    /// The claim `iat`, in seconds since 1970.
    pub issued_at: i64,
}

/// A token that a [`Verifier`](crate::Verifier) has accepted; there is no other way to create one. Clones share it.
#[derive(Clone)]
pub struct VerifiedToken(Arc<Verified>);

struct Verified {
    principal: Principal,
    tenant_id: Uuid,
    session: Option<TokenSession>,
    expires_at: i64,
    raw: String,
}

impl VerifiedToken {
    pub(crate) fn new(
        principal: Principal,
        tenant_id: Uuid,
        session: Option<TokenSession>,
        expires_at: i64,
        raw: &str,
    ) -> Self {
        Self(Arc::new(Verified { principal, tenant_id, session, expires_at, raw: raw.to_owned() }))
    }

    /// Returns the caller.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.0.principal
    }

    /// Returns the one tenant that the token gives access to.
    #[must_use]
    pub fn tenant_id(&self) -> Uuid {
        self.0.tenant_id
    }

    /// Returns the session that the token belongs to, or `None` for a service's token, which is valid for a minute.
    #[must_use]
    pub fn session(&self) -> Option<TokenSession> {
        self.0.session
    }

    /// Returns the time at which the token expires, in seconds since 1970.
    #[must_use]
    pub fn expires_at(&self) -> i64 {
        self.0.expires_at
    }

    /// Returns the token itself, for forwarding. A secret: never log it.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.0.raw
    }
}

impl fmt::Debug for VerifiedToken {
    /// Leaves out the token, which gives access.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedToken")
            .field("principal", &self.0.principal)
            .field("tenant_id", &self.0.tenant_id)
            .field("session", &self.0.session)
            .field("expires_at", &self.0.expires_at)
            .finish_non_exhaustive()
    }
}
