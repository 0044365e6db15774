//! The command `rowhouse keys re-encrypt`, which makes old encryption keys removable.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use clap::builder::PossibleValuesParser;
use rowhouse_chassis::encryption::digest_only;
use rowhouse_operator::encryption::{KeyUse, ReencryptError, SERVICES, ServiceKeys, reencrypt, usage};
use rowhouse_operator::tenants::TenantError;
use tokio_postgres::Client;

use super::database::DatabaseArgs;
use super::operator::{OperatorArgs, record_action};
use super::output::{OutputArgs, Row, note, print_all, stdout};

pub(super) const EXAMPLES: &str = "How to replace an encryption key:
1. Append a new key to the file, such as `openssl rand -base64 32` prints, and wait until all instances of the services have read
   it, since otherwise some could not decrypt what others encrypt. Then move it to the first line, and wait again.
2. Run this command. It encrypts with the new key what an old key has encrypted, tenant after tenant, and prints which keys are
   still in use. The next run continues an interrupted one. Rows of emails and other jobs that are still to be done are not
   changed; they disappear when the work is done. If such rows are left, run the command again later.
3. Run it with --retire. In the file, it replaces old keys that are not in use any more by keys that cannot decrypt. These only
   recognise API keys, invitations and refresh tokens that were issued before, which would be refused without them. Devices that
   an old key recognised are recognised again after their next login. The file is written so that only its owner can read it: give
   it the owner and the mode that the services need, and copy it to all instances.

The exit code is 0 if no old key is in use any more. Run the command once for each service that has a file of its own.

Examples:
  rowhouse keys re-encrypt --encryption-keys .rowhouse/keys/encryption.keys --dry-run
  rowhouse keys re-encrypt --service orders --encryption-keys orders-encryption.keys --retire";

#[derive(Args)]
pub(super) struct ReencryptArgs {
    /// File with the encryption keys, the current one first
    #[arg(long, env = "ROWHOUSE_ENCRYPTION_KEYS", value_name = "FILE")]
    encryption_keys: PathBuf,
    /// Service whose keys are in the file; by default all services with rows that a key of the file has encrypted
    #[arg(long = "service", value_name = "NAME", value_parser = PossibleValuesParser::new(SERVICES))]
    services: Vec<String>,
    /// Print which keys are in use, and change nothing
    #[arg(long, conflicts_with = "retire")]
    dry_run: bool,
    /// Replace old keys in the file, if they are not in use any more, by keys that cannot decrypt
    #[arg(long)]
    retire: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    operator: OperatorArgs,
    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum ReencryptCliError {
    #[error("the encryption keys {} cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error(
        "the service {service} still has rows that are encrypted with the key {key} of this file: re-encrypt them as well"
    )]
    OtherService { service: String, key: String },
    #[error("{} was changed meanwhile: run it again", .0.display())]
    Changed(PathBuf),
    #[error("the encryption keys {} cannot be written: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{} is not a file of encryption keys: each line has to be 32 random bytes in base64", .0.display())]
    Invalid(PathBuf),
    #[error(transparent)]
    Reencrypt(#[from] ReencryptError),
    #[error(transparent)]
    Database(#[from] TenantError),
    #[error("the outcome cannot be printed: {0}")]
    Print(#[from] io::Error),
}

impl Row for KeyUse {
    const COLUMNS: &'static [&'static str] = &["SERVICE", "KEY", "STATE", "ROWS", "IN"];

    fn cells(&self) -> Vec<String> {
        let Self { service, key, state, column, rows, .. } = self;
        vec![service.clone(), key.clone(), (*state).to_owned(), rows.to_string(), (*column).to_owned()]
    }
}

pub(super) async fn run(args: ReencryptArgs) -> Result<ExitCode, ReencryptCliError> {
    let path = args.encryption_keys;
    let text = std::fs::read_to_string(&path);
    let text = zeroize::Zeroizing::new(
        text.map_err(|source| ReencryptCliError::Read { path: path.clone(), source })?,
    );
    let keys = ServiceKeys::parse(&text).ok_or_else(|| ReencryptCliError::Invalid(path.clone()))?;
    let operator = args.operator.operator();
    let mut owner = args.database.owner().await?;
    let services = match args.services.as_slice() {
        [] => of_file(&mut owner, &keys).await?,
        named => named.to_vec(),
    };
    let mut uses = Vec::new();
    for service in &services {
        if !args.dry_run {
            let details = serde_json::json!({ "service": service, "key": keys.current() });
            record_action(&owner, &operator, "keys.re_encrypt", &details).await?;
            let rows = reencrypt(&mut owner, service, &keys).await?;
            note!("{service}: encrypted {rows} rows with the key {}", keys.current());
        }
        uses.extend(usage(&mut owner, service, &keys).await?);
    }
    let old = uses.iter().filter(|used| used.state != "current").map(|used| used.rows).sum::<i64>();
    print_all(&mut stdout(), args.output.format, uses)?;
    if old > 0 {
        note!("{old} rows are encrypted with other keys than the current one: keep those keys");
        return Ok(ExitCode::FAILURE);
    }
    if args.retire {
        // The file may be of further services, and somebody may have changed it meanwhile.
        for service in SERVICES.iter().filter(|service| !services.iter().any(|named| named == *service)) {
            let old = usage(&mut owner, service, &keys).await?.into_iter().find(|used| used.state == "old");
            if let Some(KeyUse { service, key, .. }) = old {
                return Err(ReencryptCliError::OtherService { service, key });
            }
        }
        let now = std::fs::read_to_string(&path).map(zeroize::Zeroizing::new);
        if now.map_err(|source| ReencryptCliError::Read { path: path.clone(), source })? != text {
            return Err(ReencryptCliError::Changed(path));
        }
        let retired = digest_only(&text).ok_or_else(|| ReencryptCliError::Invalid(path.clone()))?;
        let written = rowhouse_files::write_private(&path, retired.as_bytes());
        written.map_err(|source| ReencryptCliError::Write { path: path.clone(), source })?;
        note!("{} has no old key that decrypts any more", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the services whose keys the file has, and says which ones it leaves out: those whose rows were all encrypted with keys of
/// another file. If that is true of each service, the file is a wrong one, and none is left out.
async fn of_file(owner: &mut Client, keys: &ServiceKeys) -> Result<Vec<String>, ReencryptCliError> {
    let (mut own, mut others) = (Vec::new(), Vec::new());
    let mut any_known = false;
    for service in SERVICES {
        let uses = usage(owner, service, keys).await?;
        let is_known = uses.iter().any(|used| used.state != "unknown");
        any_known |= is_known;
        if is_known || uses.is_empty() { own.push(service) } else { others.push(service) }
    }
    if !any_known {
        return Ok(SERVICES.map(str::to_owned).to_vec());
    }
    for service in others {
        note!(
            "{service} is left out, since none of its rows is encrypted with a key of this file: run it with \
             --service {service} and the file of that service"
        );
    }
    Ok(own.into_iter().map(str::to_owned).collect())
}
