//! What a token says.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Permission;

/// What a member may do in a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything, the tenant's end included.
    Owner,
    /// Everything but the tenant's end.
    Admin,
    /// The daily work.
    Member,
    /// Looking.
    Viewer,
}

/// The text names no role.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a role is one of owner, admin, member, viewer")]
pub struct UnknownRole;

impl Role {
    /// The name in tokens, rows and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Member => "member",
            Self::Viewer => "viewer",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        match text {
            "owner" => Ok(Self::Owner),
            "admin" => Ok(Self::Admin),
            "member" => Ok(Self::Member),
            "viewer" => Ok(Self::Viewer),
            _ => Err(UnknownRole),
        }
    }
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// A person.
    User {
        /// The identity's id.
        id: Uuid,
        /// The role in the token's tenant when the token was issued.
        role: Role,
    },
    /// A program of the tenant's.
    ApiKey {
        /// The key's id.
        id: Uuid,
        /// What the token was asked for: some or all of the key's scopes.
        scopes: Vec<Permission>,
    },
    /// A service on its own behalf.
    Service {
        /// Its name, which is its issuer.
        name: String,
    },
}

impl Principal {
    /// Whether the caller may do it. A service has no permissions: what it may call is said where it is called.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        match self {
            Self::User { role, .. } => role.may(permission),
            Self::ApiKey { scopes, .. } => scopes.contains(&permission),
            Self::Service { .. } => false,
        }
    }
}

/// What a revocation needs to know of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// The `sid` claim: the session of a person, or the API key.
    pub id: Uuid,
    /// The `iat` claim, in seconds since 1970.
    pub issued_at: i64,
}

/// A token that a [`Verifier`](crate::Verifier) believed; there is no other way to one. Cloning shares it.
#[derive(Clone)]
pub struct VerifiedToken(Arc<Verified>);

struct Verified {
    principal: Principal,
    tenant_id: Uuid,
    session: Option<Session>,
    expires_at: i64,
    raw: String,
}

impl VerifiedToken {
    pub(crate) fn new(
        principal: Principal,
        tenant_id: Uuid,
        session: Option<Session>,
        expires_at: i64,
        raw: &str,
    ) -> Self {
        Self(Arc::new(Verified { principal, tenant_id, session, expires_at, raw: raw.to_owned() }))
    }

    /// Who the token speaks for.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.0.principal
    }

    /// The one tenant that it opens.
    #[must_use]
    pub fn tenant_id(&self) -> Uuid {
        self.0.tenant_id
    }

    /// What it ends with; nothing for a service's token, which lives for a minute.
    #[must_use]
    pub fn session(&self) -> Option<Session> {
        self.0.session
    }

    /// The end of its life, in seconds since 1970.
    #[must_use]
    pub fn expires_at(&self) -> i64 {
        self.0.expires_at
    }

    /// The token itself, to hand it on. A secret: never log it.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.0.raw
    }
}

impl fmt::Debug for VerifiedToken {
    /// Leaves the token out: who has it is in.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedToken")
            .field("principal", &self.0.principal)
            .field("tenant_id", &self.0.tenant_id)
            .field("session", &self.0.session)
            .field("expires_at", &self.0.expires_at)
            .finish_non_exhaustive()
    }
}
