//! People, their tenants and their roles, as several addresses tell of them.

use rowhouse_proto::auth::v1;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Problem;
use crate::json::lacking;

/// A person.
#[derive(Serialize, ToSchema)]
pub(super) struct User {
    #[schema(format = "uuid", example = "01990a5d-b0c1-7e2f-9a44-5d1f0c6b7e88")]
    id: String,
    #[schema(format = Email, example = "ada@acme.example")]
    email: String,
    /// Whether the person has shown that they receive mail at the address.
    email_verified: bool,
}

/// The tenant that the access token names.
#[derive(Serialize, ToSchema)]
pub(super) struct OwnTenant {
    #[schema(format = "uuid", example = "01990a5d-ac96-774b-bcce-b302099a8057")]
    id: String,
    #[schema(example = "acme")]
    slug: String,
    #[schema(example = "Acme")]
    name: String,
}

/// What a member may do in the tenant.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    Owner,
    Admin,
    Member,
    Viewer,
}

impl From<v1::User> for User {
    fn from(v1::User { id, email, email_verified }: v1::User) -> Self {
        Self { id, email, email_verified }
    }
}

impl From<v1::Tenant> for OwnTenant {
    fn from(v1::Tenant { id, slug, name }: v1::Tenant) -> Self {
        Self { id, slug, name }
    }
}

impl From<Role> for v1::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Owner => Self::Owner,
            Role::Admin => Self::Admin,
            Role::Member => Self::Member,
            Role::Viewer => Self::Viewer,
        }
    }
}

impl TryFrom<v1::Role> for Role {
    type Error = Problem;

    fn try_from(role: v1::Role) -> Result<Self, Problem> {
        match role {
            v1::Role::Owner => Ok(Self::Owner),
            v1::Role::Admin => Ok(Self::Admin),
            v1::Role::Member => Ok(Self::Member),
            v1::Role::Viewer => Ok(Self::Viewer),
            v1::Role::Unspecified => Err(lacking("role")()),
        }
    }
}
