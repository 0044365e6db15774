//! The arguments that say who acts and why, for the record of operators' actions.

use super::output::note;
use clap::Args;
use rowhouse_operator::actions::{Actor, NewAction, Operator, Reason, is_recordable, record};
use rowhouse_operator::tenants::TenantError;
use tokio_postgres::Client;

#[derive(Args)]
struct ActorArgs {
    /// Your name for the record of operators' actions, in 1 to 100 characters; by default the user of the operating system
    #[arg(long, env = "ROWHOUSE_ACTOR", value_name = "NAME")]
    actor: Option<Actor>,
}

/// The arguments of actions that need no reason.
#[derive(Args)]
pub(super) struct OperatorArgs {
    /// Reason for the record of operators' actions, in 1 to 500 characters; none by default
    #[arg(long, value_name = "TEXT")]
    reason: Option<Reason>,
    #[command(flatten)]
    actor: ActorArgs,
}

/// The arguments of actions against a tenant or a person.
#[derive(Args)]
pub(super) struct ReasonArgs {
    /// Reason for the record of operators' actions, in 1 to 500 characters; if you suspend or resume a tenant, its administrators see
    /// the reason in their audit log
    #[arg(long, value_name = "TEXT")]
    reason: Reason,
    #[command(flatten)]
    actor: ActorArgs,
}

impl ActorArgs {
    fn operator(self, reason: Option<Reason>) -> Operator {
        Operator { actor: self.actor.unwrap_or_else(this_user), reason }
    }
}

impl OperatorArgs {
    pub(super) fn operator(self) -> Operator {
        self.actor.operator(self.reason)
    }
}

impl ReasonArgs {
    pub(super) fn operator(self) -> Operator {
        self.actor.operator(Some(self.reason))
    }
}

/// Returns the name of the user of the operating system, or the number if there is no name, as in a container.
fn this_user() -> Actor {
    let name = whoami::username().ok().and_then(|name| name.parse().ok());
    name.unwrap_or_else(|| {
        let number = format!("uid {}", rustix::process::getuid().as_raw());
        #[expect(
            clippy::expect_used,
            reason = "an actor is a line of 1 to 100 characters, and this is one of at most 14"
        )]
        number.parse().expect("a number can be recorded")
    })
}

/// Records an action that is more than one transaction, or changes the schema. `details` is an object. A schema that is older than the
/// record cannot have it, which is said.
pub(super) async fn record_action(
    owner: &Client,
    operator: &Operator,
    action: &str,
    details: &serde_json::Value,
) -> Result<(), TenantError> {
    if !is_recordable(owner).await? {
        note!("{action} is not recorded, since the schema is older than the record of operators' actions");
        return Ok(());
    }
    record(owner, operator, &NewAction { action, target: None, details: &details.to_string() }).await
}
