//! The second step of a login.

use rowhouse_proto::auth::v1::{CompleteMfaRequest, CompleteMfaResponse};
use rowhouse_tenancy::{DbError, SystemOrigin, TenantContext, TenantTx};
use tonic::Request;

use crate::domain::{Action, DeviceToken, MfaToken};
use crate::error::Error;
use crate::rpc::Rpc;
use crate::rpc::mfa::CodeAttempt;
use crate::rpc::tokens::Method;
use crate::store::identities::get_identity;
use crate::store::memberships::find_active_role;
use crate::store::totp::{Totp, find_totp};

/// Whatever has changed since the first step, the password, the second factor or the membership, asks for a new one.
pub(super) async fn complete_mfa(
    rpc: &Rpc,
    request: Request<CompleteMfaRequest>,
) -> Result<CompleteMfaResponse, Error> {
    let client = rpc.proxies.client(&request);
    let CompleteMfaRequest { mfa_token, code } = request.into_inner();
    let token = MfaToken::parse(&rpc.sealing, &mfa_token).or(Err(Error::InvalidMfaToken))?;
    let (user, tenant) = (token.user(), token.tenant());
    let attempt = CodeAttempt::new(&rpc.sealing, user, &code, Action::SignIn, &client)?;

    let cx = TenantContext::system(SystemOrigin::SignIn, tenant);
    let completed = rpc.db.tx(&cx, "auth.complete_mfa", async |tx| {
        let totp = find_totp_of(tx, &token).await?.ok_or(Error::InvalidMfaToken)?;
        if let Err(refusal) = attempt.admit(tx).await? {
            return Ok(Err(refusal));
        }
        if !attempt.take(&rpc.sealing, tx, &totp).await? {
            return Ok(Err(attempt.failed(tx).await?));
        }
        attempt.succeeded(tx).await?;
        token.counted().succeeded_later(tx).await?;
        Ok::<_, Error>(Ok(()))
    });
    match completed.await {
        Err(Error::Db(DbError::UnknownTenant)) => return Err(Error::InvalidMfaToken),
        completed => completed??,
    }
    let (_, tokens) = rpc.begin_session(user, tenant, &client, Method::Mfa).await?;
    Ok(CompleteMfaResponse { tokens: Some(rpc.on_device(tokens, &DeviceToken::new(user))?) })
}

/// The person's second factor, if they are still who the first step was made by.
async fn find_totp_of(tx: &mut TenantTx, token: &MfaToken) -> Result<Option<Totp>, DbError> {
    if find_active_role(tx, token.user()).await?.is_none() {
        return Ok(None);
    }
    let Some(identity) = get_identity(tx, token.user()).await? else { return Ok(None) };
    if identity.disabled || !identity.password_hash.is_some_and(|hash| token.is_of(&hash)) {
        return Ok(None);
    }
    let totp = find_totp(tx, token.user()).await?;
    Ok(totp.filter(|totp| totp.confirmed))
}
