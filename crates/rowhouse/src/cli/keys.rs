//! `rowhouse keys`.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::keys::{KeyDirectory, KeysError};

const EXAMPLES: &str = "Examples:
  rowhouse keys generate --dir keys

It makes keys/rowhouse-auth.pem and keys/rowhouse-onboarding.pem, which are secret, and keys/trust,
which every service needs.";

#[derive(Args)]
pub(super) struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Subcommand)]
enum KeysCommand {
    /// Make a key for each service that signs tokens, and the public keys to trust
    #[command(after_help = EXAMPLES)]
    Generate {
        /// Where the keys go; none that is there is overwritten
        #[arg(long, value_name = "DIRECTORY")]
        dir: PathBuf,
    },
}

pub(super) fn run(args: &KeysArgs) -> Result<(), KeysError> {
    let KeysCommand::Generate { dir } = &args.command;
    let keys = KeyDirectory::at(dir);
    keys.generate()?;
    let mut out = io::stdout().lock();
    for path in keys.files() {
        writeln!(out, "{}", path.display()).map_err(|source| KeysError::Io { path, source })?;
    }
    Ok(())
}
