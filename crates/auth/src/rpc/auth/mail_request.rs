//! Messages that somebody asks for by naming an address: a link to set a new password, and once more the one that
//! confirms the address.

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

/// Does the same for every address and answers the same: whether there is somebody to write to is found out later, by
/// nobody who could be watched. Who asks too often is answered the same as well, and nothing is sent.
async fn ask<T>(
    rpc: &Rpc,
    request: &Request<T>,
    email: &str,
    operation: &'static str,
    task: fn(Permit) -> Task,
) -> Result<(), Error> {
    let client = rpc.proxies.client(request);
    let mut violations = Violations::default();
    let email = violations.check("email", email.parse::<EmailAddress>());
    let email = email.ok_or_else(|| Error::from(violations))?;
    let stranger = Requester::Stranger { network: client.network() };
    rpc.db
        .global_tx(operation, async |tx| {
            match admit(tx, &rpc.sealing, stranger, &email).await? {
                Ok(permit) => rpc.tasks.enqueue(tx, &task(permit)).await?,
                // The answer to an address that has had its messages would come sooner otherwise. What is left, a commit that
                // has nothing to write, is what a flood costs least by.
                Err(TooMany { .. }) => rpc.tasks.enqueue_nothing(tx).await?,
            }
            Ok::<_, Error>(())
        })
        .await?;
    Ok(())
}
