//! The generated traits, one folder a service and one file a method.

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
use rowhouse_chassis::client::TrustedProxies;
use rowhouse_chassis::wire;
use rowhouse_tenancy::{TenantContext, TenantDb, TenantTx};
use rowhouse_tokens::{Permission, Role, TokenIssuer, Verifier};
use tonic::Request;
use uuid::Uuid;

use crate::domain::{Rate, SessionLifetimes, UserId};
use crate::error::{Error, Missing};
use crate::hashing::Hashing;
use crate::sealing::Sealing;
use crate::store::memberships::{find_active_role, hold_role};
use crate::tasks::Tasks;

/// What the methods work with.
pub(crate) struct Rpc {
    pub(crate) db: TenantDb,
    pub(crate) hashing: Hashing,
    pub(crate) sealing: Sealing,
    pub(crate) tasks: Tasks,
    pub(crate) issuer: TokenIssuer,
    /// Believes the access tokens that a caller sends in a message, to show who they are.
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) token_lifetime: Duration,
    pub(crate) sessions: SessionLifetimes,
    pub(crate) proxies: TrustedProxies,
    pub(crate) sign_ups: SignUpRates,
    /// Whether a person has to have confirmed their address before they can log in.
    pub(crate) require_verified_email: bool,
}

/// How often one may sign up.
pub(crate) struct SignUpRates {
    pub(crate) from_network: Rate,
    /// With the address, when nothing shows that it is one's own.
    pub(crate) of_address: Rate,
}

/// On whose behalf a call is made.
fn context<T>(request: &Request<T>) -> Result<TenantContext, Error> {
    Ok(access::context(request)?)
}

/// The person on whose behalf a call is made.
fn person(cx: &TenantContext) -> Result<UserId, Error> {
    Ok(access::person(cx)?.into())
}

/// The caller's role of now, read where it is about to be used: the token's may be a few minutes old.
async fn current_role(tx: &mut TenantTx, user: UserId, permission: Permission) -> Result<Role, Error> {
    permitted_role(find_active_role(tx, user).await?, permission)
}

/// The same, and it stays the caller's until the transaction ends: for making what must not outlive it.
async fn held_role(tx: &mut TenantTx, user: UserId, permission: Permission) -> Result<Role, Error> {
    permitted_role(hold_role(tx, user).await?, permission)
}

fn permitted_role(role: Option<Role>, permission: Permission) -> Result<Role, Error> {
    match role {
        Some(role) if role.may(permission) => Ok(role),
        Some(_) => Err(Denied::Permission(permission).into()),
        None => Err(Error::NotAMember),
    }
}

/// An id that a caller sent. One that cannot be read belongs to nothing, like one that is not there.
fn parse_id(text: &str, missing: Missing) -> Result<Uuid, Error> {
    wire::parse_id(text).or(Err(Error::NotFound(missing)))
}
