//! Recording an action.

use rowhouse_text::Text;
use tokio_postgres::GenericClient;

use crate::tenants::TenantError;

/// The name of the person who acts.
pub type Actor = Text<100>;

/// The reason of an operator's action.
pub type Reason = Text<500>;

/// The person who acts, and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// The person, as they say. The database adds the role of the connection.
    pub actor: Actor,
    /// The reason, if there is one.
    pub reason: Option<Reason>,
}

/// An action to be recorded.
#[derive(Clone, Copy, Debug)]
pub struct NewAction<'a> {
    /// The name, such as `tenant.suspend`.
    pub action: &'a str,
    /// The target: `tenant` or `user`, the id, and the slug or address.
    pub target: Option<(&'a str, &'a str, &'a str)>,
    /// Further texts and numbers by name: a JSON object.
    pub details: &'a str,
}

impl<'a> NewAction<'a> {
    /// An action on a tenant or a person, without details.
    #[must_use]
    pub const fn on(action: &'a str, kind: &'a str, id: &'a str, name: &'a str) -> Self {
        Self { action, target: Some((kind, id, name)), details: "{}" }
    }
}

/// Records an action in the transaction that does it. The connection is the owner's.
pub async fn record(
    transaction: &impl GenericClient,
    operator: &Operator,
    action: &NewAction<'_>,
) -> Result<(), TenantError> {
    let NewAction { action, target, details } = action;
    let (kind, id, name) =
        target.map_or((None, None, None), |(kind, id, name)| (Some(kind), Some(id), Some(name)));
    let reason = operator.reason.as_ref().map(Text::as_str);
    transaction
        .execute(
            "INSERT INTO tenancy.operator_actions (actor, action, target_type, target_id, target_name, reason, details)
             VALUES ($1, $2, $3, $4, $5, $6, $7::text::jsonb)",
            &[&operator.actor.as_str(), action, &kind, &id, &name, &reason, details],
        )
        .await?;
    Ok(())
}

/// Returns whether the schema has the record. A backfill also runs on an older one, which waits for it.
pub async fn is_recordable(owner: &impl GenericClient) -> Result<bool, TenantError> {
    let table = "SELECT pg_catalog.to_regclass('tenancy.operator_actions') IS NOT NULL";
    Ok(owner.query_one(table, &[]).await?.try_get(0)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_says_something() {
        assert_eq!(" invoice 7 is unpaid ".parse::<Reason>().unwrap().as_str(), "invoice 7 is unpaid");
        for text in ["", "  ", "a\nb", "a\u{1b}[2Jb", "\u{2800}", "a\u{202e}b", &"x".repeat(501)] {
            assert!(text.parse::<Reason>().is_err(), "{text:?}");
        }
    }
}
