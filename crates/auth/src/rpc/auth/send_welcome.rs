//! The method that welcomes a tenant's first member.

use rowhouse_chassis::access::context;
use rowhouse_jobs::enqueue;
use rowhouse_proto::auth::v1::{SendWelcomeRequest, SendWelcomeResponse};
use tonic::Request;

use super::first_member::parse_email;
use crate::error::Error;
use crate::jobs::{SendEmail, WELCOME};
use crate::mail::EmailContent;
use crate::mail::limits::{Requester, admit};
use crate::rpc::Rpc;
use crate::store::identities::find_identity;
use crate::store::memberships::{find_active_role, is_provisioning, tenant_name_and_slug};
use crate::store::single_letters::claim_email;

/// Enqueues the welcome email once, however often it is called: the claim is committed with it.
pub(super) async fn send_welcome(
    rpc: &Rpc,
    request: &Request<SendWelcomeRequest>,
) -> Result<SendWelcomeResponse, Error> {
    let cx = context(request)?;
    let email = parse_email(&request.get_ref().email)?;
    rpc.db
        .tx(&cx, "auth.send_welcome", async |tx| {
            if !is_provisioning(tx).await? {
                return Ok(());
            }
            let Some(identity) = find_identity(tx, &email).await? else { return Ok(()) };
            if find_active_role(tx, identity.id).await?.is_none() || !claim_email(tx, WELCOME).await? {
                return Ok(());
            }
            let (tenant, slug) = tenant_name_and_slug(tx).await?;
            // The sign-up was counted against its network, and each has one welcome email. The person does not need
            // its content.
            let stranger = Requester::Stranger { network: None };
            let Ok(permit) = admit(tx, &rpc.encryption, stranger, &email).await? else { return Ok(()) };
            let welcome = permit.email(EmailContent::Welcome { tenant, slug });
            enqueue(tx, SendEmail::encrypt(&rpc.encryption, tx.tenant(), &welcome)?.welcome()).await?;
            Ok::<_, Error>(())
        })
        .await?;
    Ok(SendWelcomeResponse {})
}
