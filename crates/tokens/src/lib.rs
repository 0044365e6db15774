//! Access tokens: claims, signing, verification, and permissions.
//!
//! Auth signs the tokens of people and API keys. A service that calls another one on its own behalf signs its own token,
//! for one callee and one tenant. RFC 9068 and RFC 8725 are the references.

mod cache;
mod claims;
mod ed25519;
mod error;
mod issue;
pub mod issuer;
mod key;
mod metrics;
mod permission;
mod role;
mod trust;
mod verify;

pub use claims::{Principal, TokenSession, VerifiedToken};
pub use error::TokenError;
pub use issue::{SignedToken, TokenIssuer, scope};
pub use issuer::{InvalidIssuer, IssuerUrl, Issuers};
pub use key::{Jwk, JwkSet, KeyError, SigningKey, SigningKeys};
pub use permission::Permission;
pub use role::{Role, UnknownRole};
pub use trust::{TrustError, TrustStore};
pub use verify::{Accepts, Verifier};

/// The claim `aud` of people's tokens. A service's token has its callee's name instead.
pub const USER_AUDIENCE: &str = "rowhouse";

/// The claim `client_id` of people's tokens: the one client with which people log in. An API key's token has the key's id.
pub const FIRST_PARTY_CLIENT: &str = "rowhouse";

/// The clock skew that is tolerated, in seconds.
pub(crate) const LEEWAY: u64 = 5;

/// The header `typ` of people's tokens (RFC 9068 §2.1).
pub(crate) const USER_TYPE: &str = "at+jwt";
/// The header `typ` of services' tokens, so that neither kind is accepted as the other (RFC 8725 §3.11).
pub(crate) const SERVICE_TYPE: &str = "service+jwt";
/// The header `typ` of status tokens, which are not access tokens: verification of access tokens refuses them.
pub(crate) const STATUS_TYPE: &str = "status+jwt";
