//! Notices to people about changes of their accounts.

use rowhouse_chassis::client::Client;
use rowhouse_tenancy::{TenantId, Transaction};

use super::Rpc;
use crate::domain::{EmailAddress, UserId};
use crate::error::Error;
use crate::mail::EmailContent;
use crate::mail::limits::{Requester, TooMany, admit};
use crate::tasks::Task;

/// A person who changed their own account.
pub(super) struct AccountOwner<'a> {
    pub(super) person: UserId,
    pub(super) email: &'a EmailAddress,
    /// The tenant in which they did it, if any.
    pub(super) tenant: Option<TenantId>,
    pub(super) client: &'a Client,
}

impl Rpc {
    /// Enqueues the notice. Fails if there were too many emails: no account is changed without a notice.
    pub(super) async fn notify(
        &self,
        tx: &mut impl Transaction,
        doer: AccountOwner<'_>,
        content: EmailContent,
    ) -> Result<(), Error> {
        let AccountOwner { person, email, tenant, client } = doer;
        let requester = Requester::Recipient { person, tenant, network: client.network() };
        let permit = admit(tx, &self.encryption, requester, email).await?;
        let permit = permit.map_err(|TooMany { wait }| Error::TooManyMessages { wait })?;
        Ok(self.tasks.enqueue(tx, &Task::Mail(permit.email(content))).await?)
    }
}
