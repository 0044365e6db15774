//! The methods that request an email by naming an address: a link to set a new password, and the confirmation link.

use rowhouse_chassis::client::Client;
use rowhouse_chassis::error::Violations;
use rowhouse_proto::auth::v1::{
    RequestPasswordResetRequest, RequestPasswordResetResponse, ResendEmailVerificationRequest,
    ResendEmailVerificationResponse,
};
use tonic::Request;

use crate::domain::EmailAddress;
use crate::error::Error;
use crate::mail::limits::{Permit, Requester, TooMany, admit};
use crate::rpc::Rpc;
use crate::tasks::Task;

pub(super) async fn request_password_reset(
    rpc: &Rpc,
    request: &Request<RequestPasswordResetRequest>,
) -> Result<RequestPasswordResetResponse, Error> {
    let email = &request.get_ref().email;
    ask(rpc, request, email, "auth.request_password_reset", Task::RequestPasswordReset).await?;
    Ok(RequestPasswordResetResponse {})
}

pub(super) async fn resend_email_verification(
    rpc: &Rpc,
    request: &Request<ResendEmailVerificationRequest>,
) -> Result<ResendEmailVerificationResponse, Error> {
    let email = &request.get_ref().email;
    ask(rpc, request, email, "auth.resend_email_verification", Task::ResendVerification).await?;
    Ok(ResendEmailVerificationResponse {})
}

/// Does the same work and returns the same answer for every address: whether it has an identity is determined later,
/// where nobody can measure it. Too many requests get the same answer, and no email.
async fn ask<T>(
    rpc: &Rpc,
    request: &Request<T>,
    email: &str,
    operation: &'static str,
    task: fn(Permit) -> Task,
) -> Result<(), Error> {
    let client = Client::of(request);
    let mut violations = Violations::default();
    let email = violations.check("email", email.parse::<EmailAddress>());
    let email = email.ok_or_else(|| Error::from(violations))?;
    let stranger = Requester::Stranger { network: client.network() };
    rpc.db
        .global_tx(operation, async |tx| {
            match admit(tx, &rpc.encryption, stranger, &email).await? {
                Ok(permit) => rpc.tasks.enqueue(tx, &task(permit)).await?,
                // Otherwise the answer would come sooner when an address has used up its emails. The remaining
                // difference, a commit without changes, is what makes a flood cheap.
                Err(TooMany { .. }) => rpc.tasks.enqueue_nothing(tx).await?,
            }
            Ok::<_, Error>(())
        })
        .await?;
    Ok(())
}
