//! The method for the second step of a login.

use rowhouse_chassis::client::Client;
use rowhouse_proto::auth::v1::{CompleteMfaRequest, CompleteMfaResponse};
use rowhouse_tenancy::{DbError, SystemOrigin, TenantContext, TenantTx};
use rowhouse_tokens::Role;
use tonic::Request;

use crate::domain::{Action, DeviceToken, MfaToken};
use crate::error::Error;
use crate::rpc::Rpc;
use crate::rpc::mfa::CodeAttempt;
use crate::rpc::tokens::{Method, SessionStart};
use crate::store::memberships::lock_member;
use crate::store::totp::{Totp, find_totp};

/// Completes a login. If the password, the second factor or the membership has changed since the first step, a new
/// login is needed.
pub(super) async fn complete_mfa(
    rpc: &Rpc,
    request: Request<CompleteMfaRequest>,
) -> Result<CompleteMfaResponse, Error> {
    let client = Client::of(&request);
    let CompleteMfaRequest { mfa_token, code } = request.into_inner();
    let token = MfaToken::parse(&rpc.encryption, &mfa_token).or(Err(Error::InvalidMfaToken))?;
    let (user, tenant) = (token.user(), token.tenant());
    let attempt = CodeAttempt::new(&rpc.encryption, user, &code, Action::SignIn, &client)?;

    let beginning = SessionStart::new(rpc, user, tenant, &client, Method::Mfa)?;
    let cx = TenantContext::system(SystemOrigin::Authentication, tenant);
    // One transaction, so that nothing changes between checking the code and creating the session.
    let completed = rpc.db.tx(&cx, "auth.complete_mfa", async |tx| {
        let (role, totp) = lock_first_step(tx, &token).await?.ok_or(Error::InvalidMfaToken)?;
        if let Err(refusal) = attempt.admit(tx).await? {
            return Ok(Err(refusal));
        }
        if !attempt.take(&rpc.encryption, tx, &totp).await? {
            return Ok(Err(attempt.failed(tx).await?));
        }
        attempt.succeeded(tx).await?;
        token.counted().succeeded_later(tx).await?;
        beginning.insert(rpc, tx).await?;
        Ok::<_, Error>(Ok(role))
    });
    let role = match completed.await {
        Err(Error::Db(DbError::UnknownTenant)) => return Err(Error::InvalidMfaToken),
        completed => completed??,
    };
    let tokens = beginning.tokens(rpc, role)?;
    Ok(CompleteMfaResponse { tokens: Some(rpc.on_device(tokens, &DeviceToken::new(user))?) })
}

/// Locks the person, and returns the role and the second factor if they match the first step.
async fn lock_first_step(tx: &mut TenantTx, token: &MfaToken) -> Result<Option<(Role, Totp)>, DbError> {
    let Some((role, hash)) = lock_member(tx, token.user()).await? else { return Ok(None) };
    if !hash.is_some_and(|hash| token.is_of(&hash)) {
        return Ok(None);
    }
    let totp = find_totp(tx, token.user()).await?.filter(|totp| totp.confirmed);
    Ok(totp.map(|totp| (role, totp)))
}
