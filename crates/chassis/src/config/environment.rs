//! [`Environment`], which says whether a program runs in development or production.

use clap::{ArgMatches, Args, Command, FromArgMatches, ValueEnum};

/// The environment, which determines how strict a program is. It is an argument by itself: flatten it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Environment {
    /// A development machine: what production refuses is a warning.
    Dev,
    /// Everything else.
    #[default]
    Production,
}

impl Environment {
    /// Returns whether this is production.
    #[must_use]
    pub const fn is_production(self) -> bool {
        matches!(self, Self::Production)
    }
}

#[derive(Args)]
struct Argument {
    /// Environment of the program; in dev, some errors of production are warnings
    // Without this it would be under the heading of the arguments that were flattened before.
    #[arg(long, env = "ROWHOUSE_ENVIRONMENT", value_enum, default_value_t, help_heading = None::<&'static str>)]
    environment: Environment,
}

impl FromArgMatches for Environment {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Argument::from_arg_matches(matches).map(|argument| argument.environment)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Environment {
    fn augment_args(command: Command) -> Command {
        Argument::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Argument::augment_args_for_update(command)
    }
}
