//! The method that removes the second factor.

use rowhouse_chassis::client::Client;
use rowhouse_proto::auth::v1::{DeleteTotpRequest, DeleteTotpResponse};
use tonic::Request;

use super::{CodeAttempt, end_other_sessions};
use crate::domain::{Action, Actor, AuditEntry};
use crate::error::Error;
use crate::mail::EmailContent;
use crate::rpc::notice::AccountOwner;
use crate::rpc::{Rpc, context, person};
use crate::store::audit_log::record;
use crate::store::identities::lock_identity;
use crate::store::totp::{delete_totp as remove, find_totp};

/// Removes the second factor, for which an access token is not enough, and ends the person's other sessions.
pub(super) async fn delete_totp(
    rpc: &Rpc,
    request: &Request<DeleteTotpRequest>,
) -> Result<DeleteTotpResponse, Error> {
    let (cx, client) = (context(request)?, Client::of(request));
    let user = person(&cx)?;
    let code = &request.get_ref().code;
    let attempt = CodeAttempt::new(&rpc.encryption, user, code, Action::MfaDisable, &client)?;

    let deleted = rpc.db.tx(&cx, "auth.delete_totp", async |tx| {
        if let Err(refusal) = attempt.admit(tx).await? {
            return Ok(Err(refusal));
        }
        lock_identity(tx, user).await?;
        let totp = find_totp(tx, user).await?.filter(|totp| totp.confirmed).ok_or(Error::MfaNotEnabled)?;
        if !attempt.take(&rpc.encryption, tx, &totp).await? {
            return Ok(Err(attempt.failed(tx).await?));
        }
        attempt.succeeded(tx).await?;
        remove(tx, user).await?;
        end_other_sessions(tx, &cx, user).await?;
        let entry = AuditEntry::success(Actor::User(user), Action::MfaDisable, &client);
        record(tx, entry.with("method", attempt.kind())).await?;
        // The table contains only parsed addresses.
        let email = totp.email.parse().or(Err(Error::NotAMember))?;
        let doer = AccountOwner { person: user, email: &email, tenant: Some(tx.tenant()), client: &client };
        rpc.notify(tx, doer, EmailContent::MfaDisabled).await?;
        Ok::<_, Error>(Ok(()))
    });
    deleted.await??;
    Ok(DeleteTotpResponse {})
}
