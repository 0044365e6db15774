//! The job that reports a disabled webhook endpoint to its tenant.

use rowhouse_chassis::client::Client;
use rowhouse_jobs::{Class, Failure, Handler, Job, NewJob, Run, enqueue};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::SendEmail;
use crate::domain::{Action, Actor, AuditEntry};
use crate::encryption::EncryptionKeys;
use crate::mail::EmailContent;
use crate::mail::limits::{Requester, admit};
use crate::store::audit_log::record;
use crate::store::members::list_administrators;
use crate::store::memberships::tenant_name_and_slug;

/// The payload, which the function `jobs.report_disabled_endpoint` writes when the orders service calls it.
#[derive(Serialize, Deserialize)]
pub(crate) struct ReportDisabledEndpoint {
    webhook_endpoint_id: Uuid,
    reason: String,
}

impl Job for ReportDisabledEndpoint {
    const KIND: &'static str = "webhook.report_disabled";
    const CLASS: Class = Class::Delivery;
}

/// The handler of [`ReportDisabledEndpoint`].
pub(crate) struct ReportDisabledEndpointHandler {
    pub(crate) encryption: EncryptionKeys,
}

impl Handler<ReportDisabledEndpoint> for ReportDisabledEndpointHandler {
    /// Writes the log entry and the emails in the commit that ends the job, so only once.
    async fn run(&self, run: &Run, job: ReportDisabledEndpoint) -> Result<(), Failure> {
        let ReportDisabledEndpoint { webhook_endpoint_id, reason } = job;
        run.complete("auth.report_disabled_endpoint", async |tx| {
            let entry =
                AuditEntry::success(Actor::System, Action::WebhookEndpointDisable, &Client::default())
                    .on("webhook_endpoint", webhook_endpoint_id)
                    .with("reason", reason.as_str());
            record(tx, entry).await?;
            let (tenant, _) = tenant_name_and_slug(tx).await?;
            let content = EmailContent::WebhookEndpointDisabled {
                tenant,
                webhook_endpoint_id: webhook_endpoint_id.to_string(),
                gone: reason == "gone",
            };
            let requester = Requester::System { tenant: tx.tenant() };
            for address in list_administrators(tx).await? {
                let Ok(permit) = admit(tx, &self.encryption, requester, &address).await? else {
                    tracing::info!(
                        "an administrator is not mailed of a disabled endpoint: there were too many messages"
                    );
                    continue;
                };
                let job = SendEmail::encrypt(&self.encryption, tx.tenant(), &permit.email(content.clone()))
                    .or(Err(Failure::retry("the email cannot be encrypted")))?;
                enqueue(tx, NewJob::new(job)).await?;
            }
            Ok(())
        })
        .await
    }
}
