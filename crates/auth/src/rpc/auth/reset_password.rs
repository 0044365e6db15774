//! Setting a password by a mailed link.

use rowhouse_chassis::cpu_pool::Asker;
use rowhouse_chassis::error::Violations;
use rowhouse_chassis::grpc::deadline;
use rowhouse_proto::auth::v1::{ResetPasswordRequest, ResetPasswordResponse};
use tonic::Request;

use crate::domain::{EmailAddress, EndReason, NewPassword, OneTimePurpose, OneTimeToken};
use crate::error::Error;
use crate::mail::Letter;
use crate::rpc::Rpc;
use crate::rpc::notice::Doer;
use crate::store::identities::{
    Identity, end_all_sessions, get_identity, revoke_all_grants, set_password, verify_email,
};
use crate::store::one_time_tokens::{consume_token, find_token, remove_tokens};
use crate::store::totp::delete_totp;
use crate::tasks::{Deed, Task};
use crate::throttle::Attempt;

/// The link is used up only when the password can be set, so a bad choice does not cost another letter. Whoever has it
/// reads the person's mail, so the address is confirmed too.
pub(super) async fn reset_password(
    rpc: &Rpc,
    request: Request<ResetPasswordRequest>,
) -> Result<ResetPasswordResponse, Error> {
    let client = rpc.proxies.client(&request);
    let asker = Asker { known: false, person: None, network: client.network(), deadline: deadline(&request) };
    let ResetPasswordRequest { token, password } = request.into_inner();
    let token = OneTimeToken::parse(&token).or(Err(Error::InvalidOneTimeToken))?;
    let identity = owner(rpc, &token).await?;
    // The table has only addresses that were parsed.
    let email: EmailAddress = identity.email.parse().or(Err(Error::InvalidOneTimeToken))?;
    let mut violations = Violations::default();
    let password = violations.check("password", NewPassword::parse(password, &email));
    let password = password.ok_or_else(|| Error::from(violations))?;
    let hash = rpc.hashing.hash(password.into(), asker).await?;

    let had_password = identity.password_hash.is_some();
    rpc.db
        .global_tx("auth.reset_password", async |tx| {
            let user = consume_token(tx, &token, OneTimePurpose::SetPassword).await?;
            let user = user.ok_or(Error::InvalidOneTimeToken)?;
            set_password(tx, user, &hash).await?;
            // Until now somebody else may have had the account: their second factor would keep the person out, and what they have
            // made would go on in the person's name.
            if verify_email(tx, user).await? {
                delete_totp(tx, user).await?;
                revoke_all_grants(tx, user).await?;
            }
            end_all_sessions(tx, user, EndReason::PasswordChanged, None).await?;
            for purpose in [OneTimePurpose::SetPassword, OneTimePurpose::VerifyEmail] {
                remove_tokens(tx, user, purpose).await?;
            }
            let attempt = Attempt { email: &email, tenant: None, client: &client, device: None };
            attempt.forget(&rpc.sealing, tx, user).await?;
            if had_password {
                let doer = Doer { person: user, email: &email, tenant: None, client: &client };
                rpc.notify(tx, doer, Letter::PasswordChanged).await?;
            }
            rpc.tasks.enqueue(tx, &Task::done_by_link(user, Deed::ResetPassword, &client)).await?;
            Ok::<_, Error>(())
        })
        .await?;
    Ok(ResetPasswordResponse {})
}

/// Whose password the link sets. Nobody's, once an operator has disabled them.
async fn owner(rpc: &Rpc, token: &OneTimeToken) -> Result<Identity, Error> {
    let found = rpc.db.global_tx("auth.find_token", async |tx| {
        let user = find_token(tx, token, OneTimePurpose::SetPassword).await?;
        match user {
            Some(user) => Ok::<_, Error>(get_identity(tx, user).await?),
            None => Ok(None),
        }
    });
    found.await?.filter(|identity| !identity.disabled).ok_or(Error::InvalidOneTimeToken)
}
