//! Asking for a link to set a new password.

use rowhouse_chassis::error::Violations;
use rowhouse_proto::auth::v1::{RequestPasswordResetRequest, RequestPasswordResetResponse};
use tonic::Request;

use crate::domain::EmailAddress;
use crate::error::Error;
use crate::outbox::Task;
use crate::rpc::Rpc;
use crate::store::attempts::{Limit, admit};

/// Letters to one address.
const FREE_EMAIL: i32 = 3;
/// Requests from one address, behind which there may be a whole office.
const FREE_ADDRESS: i32 = 30;

/// Does the same for every address and answers the same: whether there is somebody to write to is found out later, by
/// nobody who could be watched. Who asks too often is answered the same as well, and nothing is sent.
pub(super) async fn request_password_reset(
    rpc: &Rpc,
    request: &Request<RequestPasswordResetRequest>,
) -> Result<RequestPasswordResetResponse, Error> {
    let client = rpc.proxies.client(request);
    let mut violations = Violations::default();
    let email = violations.check("email", request.get_ref().email.parse::<EmailAddress>());
    let email = email.ok_or_else(|| Error::from(violations))?;
    let address = client.address.map(|address| address.to_string()).unwrap_or_default();
    let limit = |purpose, of: &str, free| Limit { key: rpc.sealing.digest(purpose, of.as_bytes()), free };
    let limits = [
        limit("password resets of an account", email.as_str(), FREE_EMAIL),
        limit("password resets from an address", &address, FREE_ADDRESS),
    ];
    let task = Task::RequestPasswordReset { email: email.as_str().to_owned() };
    rpc.db
        .global_tx("auth.request_password_reset", async |tx| {
            if admit(tx, &limits).await?.wait == 0 {
                rpc.outbox.add(tx, &task).await?;
            }
            Ok::<_, Error>(())
        })
        .await?;
    rpc.outbox.wake();
    Ok(RequestPasswordResetResponse {})
}
