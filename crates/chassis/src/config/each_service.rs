//! [`EachService`], an argument that a program has once for each service of the catalog.

use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches};
use rowhouse_catalog::{PerService, ServiceName};

/// An argument that exists once for each service. It is called `--<service>-<SUFFIX>`, and in the environment `ROWHOUSE_<SERVICE>_<SUFFIX>`.
pub trait EachService {
    /// The end of its name, such as `endpoint`.
    const SUFFIX: &'static str;
    /// The type that one argument is parsed into.
    type Parsed: Clone + Send + Sync + 'static;
    /// The type that it is converted to.
    type Value;

    /// Adds help and parser to the argument of a service, and a default if there is one.
    fn argument(service: ServiceName, argument: Arg) -> Arg;

    /// The value; none if the argument is missing and must not be.
    fn value(parsed: Option<Self::Parsed>) -> Option<Self::Value>;
}

/// The values of an argument that each service has. It is several arguments by itself: flatten it.
#[derive(Clone, Debug)]
pub struct OfEachService<K: EachService>(pub PerService<K::Value>);

fn name<K: EachService>(service: ServiceName) -> String {
    format!("{service}-{}", K::SUFFIX)
}

impl<K: EachService> FromArgMatches for OfEachService<K> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        PerService::try_from_fn(|service| {
            let name = name::<K>(service);
            let missing = || Error::raw(ErrorKind::MissingRequiredArgument, format!("--{name} is missing"));
            K::value(matches.get_one::<K::Parsed>(&name).cloned()).ok_or_else(missing)
        })
        .map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl<K: EachService> Args for OfEachService<K> {
    fn augment_args(command: Command) -> Command {
        ServiceName::ALL.iter().fold(command, |command, service| {
            let name = name::<K>(*service);
            let suffix = K::SUFFIX.replace('-', "_").to_uppercase();
            let variable = format!("ROWHOUSE_{}_{suffix}", service.in_variables());
            command.arg(K::argument(*service, Arg::new(name.clone()).long(name).env(variable)))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}
