//! The job that sends an email to a tenant's people.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD as BASE64;
use rowhouse_jobs::{Class, Failure, Handler, Job, NewJob, Run};
use rowhouse_tenancy::TenantId;
use serde::{Deserialize, Serialize};

use super::is_too_old;
use crate::domain::EmailAddress;
use crate::encryption::{DecryptError, EncryptionKeys};
use crate::mail::limits::OutgoingEmail;
use crate::mail::{Mailer, SendError};
use crate::store::memberships::is_provisioning;

/// The purpose that the payloads in the database are bound to. Another word could not decrypt them.
const PURPOSE: &str = "letter";

/// The email that welcomes a tenant's first member, which is sent once.
pub(crate) const WELCOME: &str = "welcome";

/// The email that invites a tenant's first member.
pub(crate) const FIRST_INVITATION: &str = "first invitation";

/// The delay of an email to somebody who cannot log in yet. It gives the tenant time to become active, which is the
/// next step.
const HEAD_START: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// Sends an email. The payload is encrypted, since emails are private and some contain one-time links.
#[derive(Serialize, Deserialize)]
pub(crate) struct SendEmail {
    // The name in stored payloads.
    #[serde(rename = "sealed")]
    ciphertext: String,
}

impl Job for SendEmail {
    // The kind is in stored rows, and clients see it in `GET /v1/jobs`.
    const KIND: &'static str = "letter.send";
    const CLASS: Class = Class::Delivery;
    /// A limit that is never reached: emails that are too old are abandoned before.
    const MAX_ATTEMPTS: i32 = 10_000;
}

impl SendEmail {
    pub(crate) fn encrypt(
        encryption: &EncryptionKeys,
        tenant: TenantId,
        email: &OutgoingEmail,
    ) -> Result<Self, DecryptError> {
        let plain = serde_json::to_vec(email).or(Err(DecryptError))?;
        Ok(Self {
            ciphertext: BASE64.encode(encryption.encrypt(PURPOSE, tenant.as_uuid().as_bytes(), &plain)?),
        })
    }

    fn decrypt(
        &self,
        encryption: &EncryptionKeys,
        tenant: TenantId,
    ) -> Option<(EmailAddress, OutgoingEmail)> {
        let ciphertext = BASE64.decode(&self.ciphertext).ok()?;
        let plain = encryption.decrypt(PURPOSE, tenant.as_uuid().as_bytes(), &ciphertext).ok()?;
        let email: OutgoingEmail = serde_json::from_slice(&plain).ok()?;
        Some((email.recipient().ok()?, email))
    }

    /// Creates the job of a first member's invitation, which is withdrawn if the tenant cannot be set up.
    pub(crate) fn first_invitation(self) -> NewJob<Self> {
        NewJob::new(self).unique(FIRST_INVITATION)
    }

    /// Creates the job of the welcome email of a tenant that is about to become active.
    pub(crate) fn welcome(self) -> NewJob<Self> {
        NewJob::new(self).unique(WELCOME).after(HEAD_START)
    }
}

/// Sends emails. If it is stopped between sending an email and recording that, the email is sent again with the same
/// Message-ID.
pub(crate) struct EmailSender {
    pub(crate) encryption: EncryptionKeys,
    pub(crate) mailer: Mailer,
}

impl Handler<SendEmail> for EmailSender {
    async fn run(&self, run: &Run, job: SendEmail) -> Result<(), Failure> {
        if is_too_old(run.id()) {
            return Err(Failure::fatal("the email could not be sent for days"));
        }
        // Another instance, of a newer version or with a newer key, may be able to decrypt it.
        let decrypted = job.decrypt(&self.encryption, run.context().tenant());
        let (to, email) = decrypted.ok_or_else(|| Failure::retry("the email cannot be read here"))?;
        let content = email.content();
        let waits =
            run.tx("auth.is_provisioning", async |tx| Ok::<_, Failure>(is_provisioning(tx).await?)).await?;
        if waits {
            let attempts = u32::try_from(run.attempt()).unwrap_or(u32::MAX);
            let delay = HEAD_START.saturating_mul(attempts).min(LONGEST_WAIT);
            return Err(Failure::retry_after("the tenant is still being set up", delay));
        }
        match self.mailer.send(&to, content, run.id().as_uuid()).await {
            Ok(()) => {
                tracing::info!("sent the email {content:?}");
                Ok(())
            }
            Err(SendError::Permanent(error)) => {
                tracing::error!(%error, "the email {content:?} is refused: {error}");
                Err(Failure::fatal("the mail server refuses the email"))
            }
            Err(SendError::Temporary(error)) => {
                tracing::warn!(%error, "the email {content:?} could not be sent: {error}");
                Err(Failure::retry("the mail server does not take the email for the moment"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encryption::tests::encryption;

    #[test]
    fn an_email_is_decrypted_in_its_tenant_only() {
        let (encryption, tenant) = (encryption(), TenantId::generate());
        // The form in which earlier versions enqueued it.
        let email = r#"{"to":"ada@example.com","letter":{"Welcome":{"tenant":"Acme","slug":"acme"}}}"#;
        let job = SendEmail::encrypt(&encryption, tenant, &serde_json::from_str(email).unwrap()).unwrap();
        let payload = serde_json::to_string(&job).unwrap();
        assert!(!payload.contains("ada") && !payload.contains("Acme"), "{payload}");
        let (decrypted, _) = job.decrypt(&encryption, tenant).unwrap();
        assert_eq!(decrypted.as_str(), "ada@example.com");
        assert!(job.decrypt(&encryption, TenantId::generate()).is_none());
    }
}
