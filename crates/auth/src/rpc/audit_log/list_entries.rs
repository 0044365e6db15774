//! The method that lists entries of the audit log.

use std::collections::HashMap;

use rowhouse_chassis::access::context;
use rowhouse_chassis::error::Violations;
use rowhouse_chassis::page::PageRequest;
use rowhouse_chassis::wire::timestamp;
use rowhouse_proto::auth::v1::{
    Actor, AuditLogEntry, ListAuditLogEntriesRequest, ListAuditLogEntriesResponse, Target,
};
use serde_json::Value;
use tonic::Request;

use crate::error::Error;
use crate::rpc::Rpc;
use crate::store::audit_log::{LoggedEntry, list_entries as list};

/// The length limit of an action's name.
const LONGEST_ACTION: usize = 64;

pub(super) async fn list_entries(
    rpc: &Rpc,
    request: &Request<ListAuditLogEntriesRequest>,
) -> Result<ListAuditLogEntriesResponse, Error> {
    let cx = context(request)?;
    let ListAuditLogEntriesRequest { page_size, page_token, action } = request.get_ref();
    let mut violations = Violations::default();
    let known = action.len() <= LONGEST_ACTION && !action.contains('\0');
    let checked = if known { Ok(()) } else { Err("send an action such as session.end, or leave it out") };
    let checked = violations.check("action", checked);
    let page = PageRequest::parse(*page_size, page_token, &format!("audit log {action}"), &mut violations);
    let (Some(()), Some(page)) = (checked, page) else { return Err(violations.into()) };
    let action = (!action.is_empty()).then_some(action.as_str());
    let found =
        rpc.db.read(&cx, "auth.list_audit_log", async |tx| Ok::<_, Error>(list(tx, &page, action).await?));
    let (entries, next_page_token) = page.cut(found.await?, |entry| (entry.occurred_at, entry.id));
    Ok(ListAuditLogEntriesResponse { entries: entries.into_iter().map(to_proto).collect(), next_page_token })
}

fn to_proto(entry: LoggedEntry) -> AuditLogEntry {
    let id = |id: Option<uuid::Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    AuditLogEntry {
        id: entry.id.to_string(),
        occurred_at: Some(timestamp(entry.occurred_at)),
        actor: Some(Actor { r#type: entry.actor_type, id: id(entry.actor_id) }),
        action: entry.action,
        outcome: entry.outcome,
        target: entry.target_type.map(|r#type| Target { r#type, id: id(entry.target_id) }),
        ip_address: entry.ip_address.unwrap_or_default(),
        user_agent: entry.user_agent.unwrap_or_default(),
        details: details(entry.details),
    }
}

/// Returns the details as texts by name.
fn details(details: Value) -> HashMap<String, String> {
    let Value::Object(details) = details else { return HashMap::new() };
    let text = |value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    details.into_iter().map(|(name, value)| (name, text(value))).collect()
}
