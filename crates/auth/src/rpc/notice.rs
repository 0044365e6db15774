//! Telling people what was done to their account.

use rowhouse_chassis::client::Client;
use rowhouse_tenancy::{TenantId, Transaction};

use super::Rpc;
use crate::domain::{EmailAddress, UserId};
use crate::error::Error;
use crate::mail::Letter;
use crate::mail::limits::{Requester, TooMany, admit};
use crate::tasks::Task;

/// A person who has done something to their own account.
pub(super) struct Doer<'a> {
    pub(super) person: UserId,
    pub(super) email: &'a EmailAddress,
    /// The tenant that they did it in, if it was one.
    pub(super) tenant: Option<TenantId>,
    pub(super) client: &'a Client,
}

impl Rpc {
    /// Has the person be told. Refused when there were too many messages: nothing is done to an account in silence.
    pub(super) async fn notify(
        &self,
        tx: &mut impl Transaction,
        doer: Doer<'_>,
        letter: Letter,
    ) -> Result<(), Error> {
        let Doer { person, email, tenant, client } = doer;
        let requester = Requester::Recipient { person, tenant, network: client.network() };
        let permit = admit(tx, &self.sealing, requester, email).await?;
        let permit = permit.map_err(|TooMany { wait }| Error::TooManyMessages { wait })?;
        Ok(self.tasks.enqueue(tx, &Task::Mail(permit.email(letter))).await?)
    }
}
