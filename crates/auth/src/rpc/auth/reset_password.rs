//! The method that sets a password by an emailed link.

use rowhouse_chassis::client::Client;
use rowhouse_chassis::cpu_pool::Asker;
use rowhouse_chassis::error::Violations;
use rowhouse_chassis::grpc::deadline;
use rowhouse_proto::auth::v1::{ResetPasswordRequest, ResetPasswordResponse};
use tonic::Request;

use crate::domain::{EmailAddress, EndReason, NewPassword, OneTimePurpose, OneTimeToken};
use crate::error::Error;
use crate::mail::EmailContent;
use crate::rpc::Rpc;
use crate::rpc::notice::AccountOwner;
use crate::store::identities::{
    Identity, end_all_sessions, get_identity, revoke_all_grants, set_password, verify_email,
};
use crate::store::one_time_tokens::{consume_token, find_token, remove_tokens};
use crate::store::totp::delete_totp;
use crate::tasks::{LinkAction, Task};
use crate::throttle::LoginAttempt;

/// Sets a password. The link is used up only if the password is acceptable, so a bad choice does not require another
/// email. It also confirms the address, since its holder reads the person's email.
pub(super) async fn reset_password(
    rpc: &Rpc,
    request: Request<ResetPasswordRequest>,
) -> Result<ResetPasswordResponse, Error> {
    let client = Client::of(&request);
    let asker = Asker { known: false, person: None, network: client.network(), deadline: deadline(&request) };
    let ResetPasswordRequest { token, password } = request.into_inner();
    let token = OneTimeToken::parse(&token).or(Err(Error::InvalidOneTimeToken))?;
    let identity = owner(rpc, &token).await?;
    // The table contains only parsed addresses.
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
            // Until now somebody else may have had the account: their second factor would lock the person out, and
            // what they created would continue in the person's name.
            if verify_email(tx, user).await? {
                delete_totp(tx, user).await?;
                revoke_all_grants(tx, user).await?;
            }
            end_all_sessions(tx, user, EndReason::PasswordChanged, None).await?;
            for purpose in [OneTimePurpose::SetPassword, OneTimePurpose::VerifyEmail] {
                remove_tokens(tx, user, purpose).await?;
            }
            let attempt = LoginAttempt { email: &email, tenant: None, client: &client, device: None };
            attempt.forget(&rpc.encryption, tx, user).await?;
            if had_password {
                let doer = AccountOwner { person: user, email: &email, tenant: None, client: &client };
                rpc.notify(tx, doer, EmailContent::PasswordChanged).await?;
            }
            rpc.tasks.enqueue(tx, &Task::done_by_link(user, LinkAction::ResetPassword, &client)).await?;
            Ok::<_, Error>(())
        })
        .await?;
    Ok(ResetPasswordResponse {})
}

/// Returns the person whose password the link sets, unless an operator has disabled them.
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
