//! The table `auth.audit_log`. Only adding and reading rows is granted.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use rowhouse_chassis::page::PageRequest;
use rowhouse_tenancy::{DbError, TenantTx, of_tenant};
use serde_json::Value;
use uuid::Uuid;

use crate::domain::AuditEntry;
use crate::schema::audit_log;

macro_rules! row {
    ($tenant:expr, $entry:expr) => {{
        let AuditEntry { actor, action, outcome, target, client, details } = $entry;
        let details: Value =
            details.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
        (
            audit_log::tenant_id.eq($tenant),
            audit_log::id.eq(Uuid::now_v7()),
            audit_log::actor_type.eq(actor.kind()),
            audit_log::actor_id.eq(actor.id()),
            audit_log::action.eq(action.as_str()),
            audit_log::outcome.eq(outcome.as_str()),
            audit_log::target_type.eq(target.map(|(kind, _)| kind)),
            audit_log::target_id.eq(target.map(|(_, id)| id)),
            audit_log::ip_address.eq(client.address.map(|address| address.to_string())),
            audit_log::user_agent.eq(client.user_agent),
            audit_log::details.eq(details),
        )
    }};
}

/// Writes to the log of the transaction's tenant. An action and its entry are committed together.
pub(crate) async fn record(tx: &mut TenantTx, entry: AuditEntry) -> Result<(), DbError> {
    diesel::insert_into(audit_log::table).values(row!(tx.tenant(), entry)).execute(tx).await?;
    Ok(())
}

/// Writes several entries in one round trip, in their order. It is for rare cases, since such a statement is prepared
/// each time.
pub(crate) async fn record_all(tx: &mut TenantTx, entries: Vec<AuditEntry>) -> Result<(), DbError> {
    if entries.is_empty() {
        return Ok(());
    }
    let tenant = tx.tenant();
    let rows: Vec<_> = entries.into_iter().map(|entry| row!(tenant, entry)).collect();
    diesel::insert_into(audit_log::table).values(rows).execute(tx).await?;
    Ok(())
}

/// An entry as read from the log.
#[derive(Clone, Debug, Queryable)]
pub(crate) struct LoggedEntry {
    pub(crate) id: Uuid,
    pub(crate) occurred_at: DateTime<Utc>,
    pub(crate) actor_type: String,
    pub(crate) actor_id: Option<Uuid>,
    pub(crate) action: String,
    pub(crate) outcome: String,
    pub(crate) target_type: Option<String>,
    pub(crate) target_id: Option<Uuid>,
    pub(crate) ip_address: Option<String>,
    pub(crate) user_agent: Option<String>,
    pub(crate) details: Value,
}

/// Returns entries, newest first; with `action`, only those of the action.
pub(crate) async fn list_entries(
    tx: &mut TenantTx,
    page: &PageRequest<(DateTime<Utc>, Uuid)>,
    action: Option<&str>,
) -> Result<Vec<LoggedEntry>, DbError> {
    let mut query = of_tenant(audit_log::table, tx.tenant()).into_boxed();
    if let Some(action) = action {
        query = query.filter(audit_log::action.eq(action));
    }
    if let Some((at, id)) = page.after {
        let same = audit_log::occurred_at.eq(at).and(audit_log::id.lt(id));
        query = query.filter(audit_log::occurred_at.lt(at).or(same));
    }
    let rows = query
        .order((audit_log::occurred_at.desc(), audit_log::id.desc()))
        .limit(page.size.and_one())
        .select((
            audit_log::id,
            audit_log::occurred_at,
            audit_log::actor_type,
            audit_log::actor_id,
            audit_log::action,
            audit_log::outcome,
            audit_log::target_type,
            audit_log::target_id,
            audit_log::ip_address,
            audit_log::user_agent,
            audit_log::details,
        ))
        .load(tx)
        .await?;
    Ok(rows)
}
