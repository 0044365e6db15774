//! Disabling and enabling a person.

use tokio_postgres::{Client, GenericClient};

use super::directory::find;
use crate::actions::{NewAction, Operator, record};
use crate::tenants::TenantError;

/// A disabled person, and what was ended in all tenants together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disabled {
    /// The person's address.
    pub email: String,
    /// The number of sessions.
    pub sessions: i32,
    /// The number of API keys.
    pub api_keys: i32,
    /// The number of invitations.
    pub invitations: i32,
}

/// Disables a person: no login succeeds, and all sessions, API keys and invitations end, of which the audit log of each tenant of theirs
/// tells. The reason may concern another tenant, so it is in the record of operators' actions only. The connection is the owner's.
pub async fn disable(
    owner: &mut Client,
    email_or_id: &str,
    operator: &Operator,
) -> Result<Disabled, TenantError> {
    let tx = owner.transaction().await?;
    let (id, email) = set(&tx, email_or_id, "coalesce(i.disabled_at, now())").await?;
    let sessions = "SELECT auth.end_sessions_of($1::text::uuid, 'disabled', NULL)";
    let sessions = tx.query_one(sessions, &[&id]).await?.try_get(0)?;
    let grants = "SELECT api_keys, invitations FROM auth.revoke_grants_of($1::text::uuid)";
    let grants = tx.query_one(grants, &[&id]).await?;
    record(&tx, operator, &NewAction::on("user.disable", "user", &id, &email)).await?;
    tx.commit().await?;
    Ok(Disabled { email, sessions, api_keys: grants.try_get(0)?, invitations: grants.try_get(1)? })
}

/// Enables a person, who can log in again, and returns their address. The connection is the owner's.
pub async fn enable(
    owner: &mut Client,
    email_or_id: &str,
    operator: &Operator,
) -> Result<String, TenantError> {
    let tx = owner.transaction().await?;
    let (id, email) = set(&tx, email_or_id, "NULL").await?;
    record(&tx, operator, &NewAction::on("user.enable", "user", &id, &email)).await?;
    tx.commit().await?;
    Ok(email)
}

/// Sets the time of disabling and returns the person's id and address.
async fn set(
    transaction: &impl GenericClient,
    email_or_id: &str,
    disabled_at: &str,
) -> Result<(String, String), TenantError> {
    let person = find(transaction, email_or_id).await?;
    let update = format!(
        "UPDATE auth.identities i SET disabled_at = {disabled_at}, updated_at = now()
         WHERE i.id = $1::text::uuid RETURNING i.email"
    );
    let updated = transaction.query_opt(&update, &[&person.id]).await?;
    let updated = updated.ok_or(TenantError::UnknownPerson(person.email))?;
    Ok((person.id, updated.try_get(0)?))
}
