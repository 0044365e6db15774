//! Sending an invitation's email.

use rowhouse_chassis::client::Client;
use rowhouse_jobs::{NewJob, enqueue};
use rowhouse_tenancy::TenantTx;
use rowhouse_tokens::Role;

use crate::domain::{EmailAddress, OpaqueToken, UserId};
use crate::error::Error;
use crate::jobs::SendEmail;
use crate::mail::EmailContent;
use crate::mail::limits::{Permit, Requester, TooMany, admit_invitation};
use crate::rpc::Rpc;
use crate::store::identities::get_identity;
use crate::store::memberships::tenant_name;

/// A member who invites.
pub(super) struct Inviter<'a> {
    pub(super) rpc: &'a Rpc,
    pub(super) person: UserId,
    pub(super) client: &'a Client,
}

impl Inviter<'_> {
    /// Counts an email to the address. Call it before anything is written.
    pub(super) async fn permit(&self, tx: &mut TenantTx, email: &EmailAddress) -> Result<Permit, Error> {
        let (person, tenant, network) = (self.person, tx.tenant(), self.client.network());
        let requester = Requester::Member { person, tenant, network };
        let permit = admit_invitation(tx, &self.rpc.encryption, requester, email).await?;
        permit.map_err(|TooMany { wait }| Error::TooManyMessages { wait })
    }

    pub(super) async fn send(
        &self,
        tx: &mut TenantTx,
        permit: Permit,
        role: Role,
        token: &OpaqueToken,
    ) -> Result<(), Error> {
        let content = EmailContent::Invitation {
            tenant: tenant_name(tx).await?,
            inviter: get_identity(tx, self.person).await?.map(|identity| identity.email),
            role: role.to_string(),
            token: token.expose(),
        };
        let email = permit.email(content);
        enqueue(tx, NewJob::new(SendEmail::encrypt(&self.rpc.encryption, tx.tenant(), &email)?)).await?;
        Ok(())
    }
}
