//! An attempt to prove a second factor by a code.

use chrono::Utc;
use rowhouse_chassis::client::Client;
use rowhouse_chassis::error::FieldViolation;
use rowhouse_tenancy::TenantTx;

use crate::domain::{Action, Actor, AuditEntry, Limit, MfaCode, TotpSecret, UserId};
use crate::encryption::{Digest32, EncryptionKeys};
use crate::error::Error;
use crate::store::attempts::{admit, forgive};
use crate::store::audit_log::record;
use crate::store::totp::{Totp, take_recovery_code, take_step};

/// The number of free attempts. Three of a million codes are valid at a time.
const FREE: i32 = 5;

/// An attempt to prove a code. It is counted against the person before the code is checked, and a successful one is
/// uncounted.
///
/// Its result is committed in any case, since it would not count otherwise: so a refusal is a value, and an error
/// rolls the transaction back.
pub(in crate::rpc) struct CodeAttempt<'a> {
    pub(in crate::rpc) user: UserId,
    pub(in crate::rpc) code: Option<MfaCode>,
    /// The action for which the code is needed.
    pub(in crate::rpc) action: Action,
    pub(in crate::rpc) client: &'a Client,
    key: Digest32,
}

impl<'a> CodeAttempt<'a> {
    /// Creates an attempt. Logins are counted apart from attempts with a session, so that somebody who knows only the
    /// password cannot keep the person from removing the second factor.
    pub(in crate::rpc) fn new(
        encryption: &EncryptionKeys,
        user: UserId,
        code: &str,
        action: Action,
        client: &'a Client,
    ) -> Result<Self, Error> {
        if code.is_empty() {
            let violation = FieldViolation::new("code", "send the six digits, or a recovery code");
            return Err(Error::Invalid(vec![violation]));
        }
        let purpose = match action {
            Action::SignIn => "codes at login",
            _ => "codes in a session",
        };
        let key = encryption.digest(purpose, user.as_uuid().as_bytes());
        Ok(Self { user, code: MfaCode::parse(code), action, client, key })
    }

    /// Counts the attempt. Returns a refusal if it comes too soon.
    pub(in crate::rpc) async fn admit(&self, tx: &mut TenantTx) -> Result<Result<(), Error>, Error> {
        let admission = admit(tx, &[Limit { key: self.key, free: FREE }]).await?;
        let Some(wait) = admission.refused() else { return Ok(Ok(())) };
        if admission.first {
            let entry = AuditEntry::denied(Actor::User(self.user), self.action, self.client);
            record(tx, entry.with("reason", "too_many_attempts")).await?;
        }
        Ok(Err(Error::TooManyAttempts { wait }))
    }

    /// Checks the code and uses it up. Returns whether it was valid.
    pub(in crate::rpc) async fn take(
        &self,
        encryption: &EncryptionKeys,
        tx: &mut TenantTx,
        totp: &Totp,
    ) -> Result<bool, Error> {
        match &self.code {
            Some(MfaCode::Totp(code)) => {
                let secret = TotpSecret::decrypt(encryption, self.user, &totp.encrypted_secret)?;
                match secret.step_of(code, Utc::now()) {
                    Some(step) => Ok(take_step(tx, self.user, &totp.encrypted_secret, step).await?),
                    None => Ok(false),
                }
            }
            Some(MfaCode::Recovery(code)) => Ok(take_recovery_code(tx, self.user, code.digest()).await?),
            None => Ok(false),
        }
    }

    /// Uncounts the attempt after a valid code.
    pub(in crate::rpc) async fn succeeded(&self, tx: &mut TenantTx) -> Result<(), Error> {
        Ok(forgive(tx, &[self.key], &[]).await?)
    }

    /// Records the failure and returns the answer after a wrong code.
    pub(in crate::rpc) async fn failed(&self, tx: &mut TenantTx) -> Result<Error, Error> {
        let entry = AuditEntry::failure(Actor::User(self.user), self.action, self.client);
        record(tx, entry.with("reason", "wrong_code")).await?;
        Ok(Error::InvalidMfaCode)
    }

    /// Returns the kind of code, for the log.
    pub(in crate::rpc) fn kind(&self) -> &'static str {
        match self.code {
            Some(MfaCode::Recovery(_)) => "recovery_code",
            Some(MfaCode::Totp(_)) | None => "totp",
        }
    }
}
