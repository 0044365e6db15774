//! The method that activates the second factor.

use chrono::Utc;
use rowhouse_chassis::client::Client;
use rowhouse_proto::auth::v1::{ConfirmTotpRequest, ConfirmTotpResponse};
use rowhouse_tenancy::TenantTx;
use tonic::Request;

use super::{CodeAttempt, end_other_sessions};
use crate::domain::{Action, Actor, AuditEntry, MfaCode, RecoveryCode, TotpSecret};
use crate::encryption::Digest32;
use crate::error::Error;
use crate::mail::EmailContent;
use crate::rpc::notice::AccountOwner;
use crate::rpc::{Rpc, context, person};
use crate::store::audit_log::record;
use crate::store::identities::lock_identity;
use crate::store::totp::{Totp, confirm_totp as set_confirmed, find_totp, insert_recovery_codes};

/// Activates the second factor and ends the person's other sessions.
pub(super) async fn confirm_totp(
    rpc: &Rpc,
    request: &Request<ConfirmTotpRequest>,
) -> Result<ConfirmTotpResponse, Error> {
    let (cx, client) = (context(request)?, Client::of(request));
    let user = person(&cx)?;
    let code = &request.get_ref().code;
    let attempt = CodeAttempt::new(&rpc.encryption, user, code, Action::MfaEnable, &client)?;
    let codes = RecoveryCode::generate_set()?;
    let digests: Vec<Digest32> = codes.iter().map(RecoveryCode::digest).collect();

    let confirmed = rpc.db.tx(&cx, "auth.confirm_totp", async |tx| {
        if let Err(refusal) = attempt.admit(tx).await? {
            return Ok(Err(refusal));
        }
        // A concurrent login with the password alone has either ended, and its session is ended here, or will find
        // the second factor.
        lock_identity(tx, user).await?;
        let totp = find_totp(tx, user).await?.ok_or(Error::MfaNotEnabled)?;
        if totp.confirmed {
            return Err(Error::MfaEnabled);
        }
        if !confirm(rpc, tx, &attempt, &totp).await? {
            return Ok(Err(attempt.failed(tx).await?));
        }
        attempt.succeeded(tx).await?;
        insert_recovery_codes(tx, user, &digests).await?;
        end_other_sessions(tx, &cx, user).await?;
        record(tx, AuditEntry::success(Actor::User(user), Action::MfaEnable, &client)).await?;
        // The table contains only parsed addresses.
        let email = totp.email.parse().or(Err(Error::NotAMember))?;
        let doer = AccountOwner { person: user, email: &email, tenant: Some(tx.tenant()), client: &client };
        rpc.notify(tx, doer, EmailContent::MfaEnabled).await?;
        Ok::<_, Error>(Ok(()))
    });
    confirmed.await??;
    Ok(ConfirmTotpResponse { recovery_codes: codes.iter().map(RecoveryCode::expose).collect() })
}

/// Returns whether the code matches the unconfirmed secret.
async fn confirm(
    rpc: &Rpc,
    tx: &mut TenantTx,
    attempt: &CodeAttempt<'_>,
    totp: &Totp,
) -> Result<bool, Error> {
    let Some(MfaCode::Totp(code)) = &attempt.code else { return Ok(false) };
    let secret = TotpSecret::decrypt(&rpc.encryption, attempt.user, &totp.encrypted_secret)?;
    match secret.step_of(code, Utc::now()) {
        Some(step) => Ok(set_confirmed(tx, attempt.user, &totp.encrypted_secret, step).await?),
        None => Ok(false),
    }
}
