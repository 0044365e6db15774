//! The method that confirms an address.

use rowhouse_chassis::client::Client;
use rowhouse_proto::auth::v1::{VerifyEmailRequest, VerifyEmailResponse};
use tonic::Request;

use crate::domain::{OneTimePurpose, OneTimeToken};
use crate::error::Error;
use crate::rpc::Rpc;
use crate::store::identities::verify_email as note_verified;
use crate::store::one_time_tokens::consume_token;
use crate::tasks::{LinkAction, Task};

pub(super) async fn verify_email(
    rpc: &Rpc,
    request: &Request<VerifyEmailRequest>,
) -> Result<VerifyEmailResponse, Error> {
    let client = Client::of(request);
    let token = OneTimeToken::parse(&request.get_ref().token).or(Err(Error::InvalidOneTimeToken))?;
    rpc.db
        .global_tx("auth.verify_email", async |tx| {
            let user = consume_token(tx, &token, OneTimePurpose::VerifyEmail).await?;
            let user = user.ok_or(Error::InvalidOneTimeToken)?;
            if note_verified(tx, user).await? {
                rpc.tasks.enqueue(tx, &Task::done_by_link(user, LinkAction::VerifyEmail, &client)).await?;
            }
            Ok::<_, Error>(())
        })
        .await?;
    Ok(VerifyEmailResponse {})
}
