//! Listing the actions.

use serde::Serialize;
use tokio_postgres::{Client, Row};

use crate::page::{contains, rfc3339};
use crate::tenants::TenantError;
use crate::{Page, Search};

/// An action that was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordedAction {
    /// The time, in UTC.
    pub at: String,
    /// The person, as they said.
    pub actor: String,
    /// The role with which they were connected.
    pub database_role: String,
    /// The name, such as `tenant.suspend`.
    pub action: String,
    /// `tenant` or `user`.
    pub target_type: Option<String>,
    /// The target's id.
    pub target_id: Option<String>,
    /// Its slug or address at that time.
    pub target_name: Option<String>,
    /// The reason.
    pub reason: Option<String>,
    /// Further texts and numbers by name.
    pub details: serde_json::Value,
}

/// Returns actions, the newest first. The connection is the owner's.
pub async fn list(owner: &Client, search: &Search) -> Result<Page<RecordedAction>, TenantError> {
    let at = rfc3339("a.acted_at");
    let found =
        contains(&["a.actor", "a.database_role", "a.action", "a.target_id", "a.target_name", "a.reason"]);
    let query = format!(
        "SELECT {at}, a.actor, a.database_role, a.action, a.target_type, a.target_id, a.target_name, a.reason,
             a.details::text, count(*) OVER () AS total
         FROM tenancy.operator_actions a WHERE {found} ORDER BY a.id DESC LIMIT $2"
    );
    let rows = owner.query(&query, &[&search.text, &i64::from(search.limit)]).await?;
    Page::read(&rows, action)
}

fn action(row: &Row) -> Result<RecordedAction, TenantError> {
    let details: String = row.try_get(8)?;
    Ok(RecordedAction {
        at: row.try_get(0)?,
        actor: row.try_get(1)?,
        database_role: row.try_get(2)?,
        action: row.try_get(3)?,
        target_type: row.try_get(4)?,
        target_id: row.try_get(5)?,
        target_name: row.try_get(6)?,
        reason: row.try_get(7)?,
        details: serde_json::from_str(&details).map_err(|error| TenantError::Schema(error.to_string()))?,
    })
}
