//! Creating the data directory.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::user::ServerUser;
use super::{PostgresError, Programs, server_log};
use rowhouse_files as files;

/// The locales, of which the first available one is used. Both sort alike everywhere; `C` knows the case of ASCII
/// letters only.
const LOCALES: [&str; 2] = ["C.UTF-8", "C"];

/// Creates the data directory `data` unless it exists, atomically.
pub(super) async fn ensure(
    data: &Path,
    programs: &Programs,
    user: &ServerUser,
    password: &str,
    sync: bool,
) -> Result<(), PostgresError> {
    if data.exists() {
        return check_version(data, programs.major());
    }
    let workshop = data.with_file_name("initdb");
    let failed = |source| PostgresError::Io { path: workshop.clone(), source };
    files::remove_directory(&workshop).map_err(failed)?;
    DirBuilder::new().mode(0o700).create(&workshop).map_err(failed)?;
    let password_file = workshop.join("password");
    files::create_private(&password_file, password.as_bytes()).map_err(failed)?;
    for path in [&workshop, &password_file] {
        user.own(path).map_err(failed)?;
    }
    let made = workshop.join("data");
    initdb(&made, &password_file, programs, user, sync).await?;
    fs::rename(&made, data).map_err(failed)?;
    files::remove_directory(&workshop).map_err(failed)
}

async fn initdb(
    data: &Path,
    password_file: &Path,
    programs: &Programs,
    user: &ServerUser,
    sync: bool,
) -> Result<(), PostgresError> {
    let program = programs.path("initdb");
    let mut failure = String::new();
    for locale in LOCALES {
        let mut command = user.command(&program);
        command.args(["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--no-instructions"]);
        command.arg(format!("--locale={locale}"));
        command.arg("--pwfile").arg(password_file).arg("--pgdata").arg(data);
        if !sync {
            command.arg("--no-sync");
        }
        let mut command = tokio::process::Command::from(command);
        let output = command.kill_on_drop(true).output().await;
        let output = output.map_err(|source| PostgresError::Run { program: program.clone(), source })?;
        if output.status.success() {
            return Ok(());
        }
        let mut printed = output.stdout;
        printed.extend(output.stderr);
        let printed = String::from_utf8_lossy(&printed);
        failure = server_log::first_error(&printed);
        if !printed.contains("invalid locale") {
            break;
        }
    }
    Err(PostgresError::Initdb(failure))
}

fn check_version(data: &Path, installed: u32) -> Result<(), PostgresError> {
    match fs::read_to_string(data.join("PG_VERSION")) {
        Ok(found) if found.trim() == installed.to_string() => Ok(()),
        Ok(found) => Err(PostgresError::OtherVersion {
            directory: data.to_owned(),
            found: found.trim().to_owned(),
            installed,
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(PostgresError::NotACluster(data.to_owned()))
        }
        Err(source) => Err(PostgresError::Io { path: data.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_major_version_will_do() {
        let directory = tempfile::tempdir().unwrap();
        let error = check_version(directory.path(), 15).unwrap_err();
        assert!(matches!(error, PostgresError::NotACluster(_)), "{error}");
        fs::write(directory.path().join("PG_VERSION"), "15\n").unwrap();
        check_version(directory.path(), 15).unwrap();
        let error = check_version(directory.path(), 16).unwrap_err();
        assert!(
            error.to_string().contains("was made by PostgreSQL 15, and this is PostgreSQL 16"),
            "{error}"
        );
    }
}
