//! Who acts, and why, for the record of operators' actions.

use clap::Args;
use rowhouse_operator::actions::{Actor, Operator, Reason};

/// The arguments of commands that need no reason.
#[derive(Args)]
pub(super) struct ActorArgs {
    /// Your name for the record of operators' actions, in 1 to 100 characters; by default the user of the operating system
    #[arg(long, env = "ROWHOUSE_ACTOR", value_name = "NAME")]
    actor: Option<Actor>,
}

/// The arguments of actions against a tenant or a person.
#[derive(Args)]
pub(super) struct ReasonArgs {
    /// Reason for the record of operators' actions, in 1 to 500 characters; the administrators of a tenant that you suspend or
    /// resume see it in their audit log
    #[arg(long, value_name = "TEXT")]
    reason: Reason,
    #[command(flatten)]
    actor: ActorArgs,
}

#[derive(Debug, thiserror::Error)]
#[error(
    "the user of the operating system has no name that can be recorded: say who you are with --actor or ROWHOUSE_ACTOR"
)]
pub(super) struct NoActor;

impl ActorArgs {
    pub(super) fn operator(self) -> Result<Operator, NoActor> {
        let actor = match self.actor {
            Some(actor) => actor,
            None => whoami::username().ok().and_then(|name| name.parse().ok()).ok_or(NoActor)?,
        };
        Ok(Operator { actor, reason: None })
    }
}

impl ReasonArgs {
    pub(super) fn operator(self) -> Result<Operator, NoActor> {
        Ok(Operator { reason: Some(self.reason), ..self.actor.operator()? })
    }
}
