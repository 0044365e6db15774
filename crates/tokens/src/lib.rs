//! Access tokens: what they say, how they are signed, and what it takes to believe one.
//!
//! People carry tokens that auth signs; a service that calls another on its own carries one that it signs
//! itself, for one callee and one tenant. RFC 9068 and RFC 8725 are the references.

mod claims;
mod error;
mod issue;
mod key;
mod permission;
mod trust;
mod verify;

pub use claims::{Principal, Role, Session, UnknownRole, VerifiedToken};
pub use error::TokenError;
pub use issue::{SignedToken, TokenIssuer, scope};
pub use key::{Jwk, JwkSet, KeyError, SigningKey, SigningKeys};
pub use permission::{Permission, UnknownPermission};
pub use trust::{TrustError, TrustStore};
pub use verify::{Accepts, Verifier};

/// The issuers of tokens: the `iss` claim, and the name of the issuer's file of public keys.
pub mod issuer {
    use rowhouse_catalog::ServiceName;

    /// The auth service, which signs for people.
    pub const AUTH: &str = ServiceName::Auth.program();
    /// The onboarding service, which signs for itself.
    pub const ONBOARDING: &str = ServiceName::Onboarding.program();
}

/// The `aud` claim of people's tokens. A service's token has its callee's name there instead.
pub const USER_AUDIENCE: &str = "rowhouse";

/// The `typ` header of people's tokens (RFC 9068 §2.1).
pub(crate) const USER_TYPE: &str = "at+jwt";
/// The `typ` header of services' tokens, so that neither kind passes for the other (RFC 8725 §3.11).
pub(crate) const SERVICE_TYPE: &str = "service+jwt";
/// The `typ` header of status tokens, which are no access tokens: no verifier of these takes them.
pub(crate) const STATUS_TYPE: &str = "status+jwt";
