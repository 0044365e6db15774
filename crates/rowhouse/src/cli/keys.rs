//! The command `rowhouse keys`, which creates and rotates signing keys, and makes old encryption keys removable.

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use rowhouse_chassis::config::seconds;

use super::output::stdout;
use super::reencrypt::{self, ReencryptArgs};
use rowhouse_keys::{KeyDirectory, KeysError, Rotation, RotationError, RotationStep, issuers};

/// The directory of the keys of `rowhouse dev`.
const DIRECTORY: &str = ".rowhouse/keys";

const GENERATE_EXAMPLES: &str = "Examples:
  rowhouse keys generate
  rowhouse keys generate --directory keys

The second makes keys/rowhouse-auth/current.pem and keys/rowhouse-onboarding/current.pem, which are secret, and
keys/trust, which every service needs.";

const ROTATE_EXAMPLES: &str = "Examples:
  rowhouse keys rotate
  rowhouse keys rotate --directory keys --step publish
  rowhouse keys rotate --directory keys --step sign

If the services read the directory itself, the first command is enough. If the files are copied to
them, such as to Secrets of a cluster, run one step at a time: copy the files after `--step publish`,
wait until all services have them, and copy them again after `--step sign`. An interrupted rotation
is continued by the next one.

After a rotation the previous key is still trusted, and the key before that is removed. So to revoke
a stolen key, rotate twice with `--retire-after 0`: within a minute no service trusts it any more,
and clients whose tokens were signed with it have to get new ones.";

#[derive(Args)]
pub(super) struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Subcommand)]
enum KeysCommand {
    /// Create a key for each service that signs tokens, and the files of public keys to trust
    #[command(after_help = GENERATE_EXAMPLES)]
    Generate(GenerateArgs),
    /// Replace the signing keys, without refusing a request
    #[command(after_help = ROTATE_EXAMPLES)]
    Rotate(RotateArgs),
    /// Encrypt the secrets in the database again with the current encryption key, so that old keys can be removed
    #[command(after_help = reencrypt::EXAMPLES)]
    ReEncrypt(Box<ReencryptArgs>),
}

#[derive(Args)]
struct GenerateArgs {
    /// Directory for the keys; existing keys are not overwritten
    #[arg(long, value_name = "DIRECTORY", default_value = DIRECTORY)]
    directory: PathBuf,
}

#[derive(Args)]
struct RotateArgs {
    /// Directory of the keys, as created by `rowhouse keys generate`
    #[arg(long, value_name = "DIRECTORY", default_value = DIRECTORY)]
    directory: PathBuf,
    /// Service whose key is rotated; by default the keys of all services
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(issuers()))]
    issuer: Option<String>,
    /// Time for which a key is published before it signs, in seconds; 6 at least
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    publish_for: Duration,
    /// Time for which a key stays published after it has signed, in seconds: longer than the lifetime of an access token,
    /// which is 600 at most
    #[arg(long, value_name = "SECONDS", default_value = "660", value_parser = seconds)]
    retire_after: Duration,
    /// Do only one step of the rotation
    #[arg(long, value_name = "STEP")]
    step: Option<RotationStep>,
}

pub(super) async fn run(args: KeysArgs) -> Result<ExitCode, Box<dyn Error>> {
    match args.command {
        KeysCommand::Generate(GenerateArgs { directory }) => generate(directory)?,
        KeysCommand::Rotate(args) => rotate(args).await?,
        KeysCommand::ReEncrypt(args) => return Ok(reencrypt::run(*args).await?),
    }
    Ok(ExitCode::SUCCESS)
}

fn generate(directory: PathBuf) -> Result<(), KeysError> {
    let keys = KeyDirectory::at(directory);
    keys.generate()?;
    let mut out = stdout();
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
