//! `rowhouse keys`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use rowhouse_chassis::config::seconds;

use rowhouse_keys::{KeyDirectory, KeysError, Rotation, RotationError, RotationStep, issuers};

const GENERATE_EXAMPLES: &str = "Examples:
  rowhouse keys generate keys

It makes keys/rowhouse-auth/current.pem and keys/rowhouse-onboarding/current.pem, which are secret, and
keys/trust, which every service needs.";

const ROTATE_EXAMPLES: &str = "Examples:
  rowhouse keys rotate --directory .rowhouse/keys
  rowhouse keys rotate --directory keys --step publish
  rowhouse keys rotate --directory keys --step sign

Services that read the directory itself need no more than the first. Where the files have to be
brought to them, as Secrets of a cluster, bring them after either step, and let the second wait
until the first has arrived everywhere. A rotation that was interrupted is continued by the next.

The key before last is dropped. To make a stolen key worthless, rotate twice with `--retire-after 0`:
a minute later nobody believes it, and whoever has a token of it has to get a new one.";

#[derive(Args)]
pub(super) struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Subcommand)]
enum KeysCommand {
    /// Make a key for each service that signs tokens, and the public keys to trust
    #[command(after_help = GENERATE_EXAMPLES)]
    Generate {
        /// Where the keys go; none that is there is overwritten
        #[arg(value_name = "DIRECTORY", default_value = ".rowhouse/keys")]
        directory: PathBuf,
    },
    /// Let new keys sign, without a request being refused
    #[command(after_help = ROTATE_EXAMPLES)]
    Rotate(RotateArgs),
}

#[derive(Args)]
struct RotateArgs {
    /// Where the keys are, as `rowhouse keys generate` made them
    #[arg(long, value_name = "DIRECTORY")]
    directory: PathBuf,
    /// Whose key; without it everybody's
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(issuers()))]
    issuer: Option<String>,
    /// How long a key is published before it signs, in seconds, 6 at least
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    publish_for: Duration,
    /// How long a key stays published after it has signed, in seconds: longer than the life of an access token,
    /// which is 600 at most
    #[arg(long, value_name = "SECONDS", default_value = "660", value_parser = seconds)]
    retire_after: Duration,
    /// Do half of it
    #[arg(long, value_name = "STEP")]
    step: Option<RotationStep>,
}

pub(super) async fn run(args: KeysArgs) -> Result<(), RotationError> {
    match args.command {
        KeysCommand::Generate { directory } => Ok(generate(directory)?),
        KeysCommand::Rotate(args) => rotate(args).await,
    }
}

fn generate(directory: PathBuf) -> Result<(), KeysError> {
    let keys = KeyDirectory::at(directory);
    keys.generate()?;
    let mut out = io::stdout().lock();
    for path in keys.files() {
        writeln!(out, "{}", path.display()).map_err(|source| KeysError::Io { path, source })?;
    }
    Ok(())
}

async fn rotate(args: RotateArgs) -> Result<(), RotationError> {
    let RotateArgs { directory, issuer, publish_for, retire_after, step } = args;
    let rotation = Rotation { issuer, publish_for, retire_after, step };
    let report = |progress| {
        // Standard output may be closed: a rotation that began is completed.
        if let Err(error) = writeln!(io::stdout().lock(), "{progress}") {
            tracing::debug!(%error, "nobody reads the progress");
        }
    };
    KeyDirectory::at(directory).rotate(&rotation, report).await
}
