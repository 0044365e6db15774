//! The implementation of the generated traits: a directory for each service, a file for each method.

mod api_keys;
mod audit_log;
mod auth;
mod bearer;
mod invitations;
mod members;
mod mfa;
mod notice;
mod role;
mod sessions;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use rowhouse_chassis::access::{self, Denied};
use rowhouse_chassis::error::Code;
use rowhouse_chassis::wire;
use rowhouse_tenancy::{TenantContext, TenantDb, TenantTx};
use rowhouse_tokens::{Permission, Role, TokenIssuer, Verifier};
use tonic::Request;
use uuid::Uuid;

use crate::domain::{Rate, SessionLifetimes, UserId};
use crate::encryption::EncryptionKeys;
use crate::error::Error;
use crate::hashing::Hashing;
use crate::store::memberships::{find_active_role, lock_role};
use crate::tasks::Tasks;

/// The dependencies of the methods.
pub(crate) struct Rpc {
    pub(crate) db: TenantDb,
    pub(crate) hashing: Hashing,
    pub(crate) encryption: EncryptionKeys,
    pub(crate) tasks: Tasks,
    pub(crate) issuer: TokenIssuer,
    /// Verifies the access tokens that callers send in messages to identify themselves.
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) token_lifetime: Duration,
    pub(crate) sessions: SessionLifetimes,
    pub(crate) sign_ups: SignUpRates,
    /// True if people must confirm their address before they can log in.
    pub(crate) require_verified_email: bool,
}

/// The limits on sign-ups.
pub(crate) struct SignUpRates {
    pub(crate) from_network: Rate,
    /// The rate of sign-ups with an address that is not proved to be the caller's.
    pub(crate) of_address: Rate,
}

/// Returns the context of a call.
fn context<T>(request: &Request<T>) -> Result<TenantContext, Error> {
    Ok(access::context(request)?)
}

/// Returns the person of a context.
fn person(cx: &TenantContext) -> Result<UserId, Error> {
    Ok(access::person(cx)?.into())
}

/// Returns the caller's current role, which may differ from the token's.
async fn current_role(tx: &mut TenantTx, user: UserId, permission: Permission) -> Result<Role, Error> {
    permitted_role(find_active_role(tx, user).await?, permission)
}

/// Returns the caller's current role and locks it until the transaction ends, for creating what must not outlive it.
async fn locked_role(tx: &mut TenantTx, user: UserId, permission: Permission) -> Result<Role, Error> {
    permitted_role(lock_role(tx, user).await?, permission)
}

fn permitted_role(role: Option<Role>, permission: Permission) -> Result<Role, Error> {
    match role {
        Some(role) if role.may(permission) => Ok(role),
        Some(_) => Err(Denied::Permission(permission).into()),
        None => Err(Error::NotAMember),
    }
}

/// Parses an id. An invalid one belongs to nothing, like a missing one.
fn parse_id(text: &str, missing: Code) -> Result<Uuid, Error> {
    wire::parse_id(text).or(Err(Error::Missing(missing)))
}
