//! Finding PostgreSQL's programs.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// The oldest supported major version.
const OLDEST: u32 = 15;

/// The directories where packages install the programs without adding them to PATH. `*` matches a directory's
/// name or its end.
const USUAL_PLACES: &[&str] = &[
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/usr/local/pgsql/bin",
];

/// A directory with `initdb` and `postgres`, version 15 or newer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programs {
    directory: PathBuf,
    major: u32,
}

/// The reason why no programs can be used.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// None were found.
    #[error(
        "PostgreSQL {OLDEST} or newer was not found: install it (Debian, Ubuntu: apt install postgresql; Fedora, RHEL: \
         dnf install postgresql-server; macOS: brew install postgresql@17), or set PG_BIN_DIR to the directory that \
         holds initdb, or DATABASE_URL to a running server"
    )]
    NotFound,
    /// Only an old version was found.
    #[error(
        "PostgreSQL {major} in {} is too old: Rowhouse needs {OLDEST} or newer; if one is installed \
         elsewhere, set PG_BIN_DIR to the directory that holds its initdb", directory.display()
    )]
    TooOld {
        /// The directory.
        directory: PathBuf,
        /// Its major version.
        major: u32,
    },
    /// `PG_BIN_DIR` has no such program.
    #[error("PG_BIN_DIR is {}, where there is no {program}: set it to the directory that holds PostgreSQL's programs", directory.display())]
    NotThere {
        /// Its value.
        directory: PathBuf,
        /// The missing program.
        program: &'static str,
    },
    /// The program does not run.
    #[error("{} does not run: {reason}", program.display())]
    Broken {
        /// The program.
        program: PathBuf,
        /// The message of the system or the program.
        reason: String,
    },
}

impl Programs {
    /// Searches `bin_dir` only, if it is given; otherwise PATH, and then the usual directories, of which it takes the
    /// highest version.
    pub fn find(bin_dir: Option<&Path>) -> Result<Self, FindError> {
        find_in(bin_dir, env::var_os("PATH").as_deref(), USUAL_PLACES)
    }

    /// Returns the path of a program, such as `initdb`.
    #[must_use]
    pub fn path(&self, program: &str) -> PathBuf {
        self.directory.join(program)
    }

    /// Returns the major version, such as 17.
    #[must_use]
    pub const fn major(&self) -> u32 {
        self.major
    }

    fn in_directory(directory: PathBuf) -> Result<Self, FindError> {
        let program = directory.join("postgres");
        let broken = |reason: String| FindError::Broken { program: program.clone(), reason };
        let output =
            Command::new(&program).arg("--version").output().map_err(|error| broken(error.to_string()))?;
        let printed = String::from_utf8_lossy(&output.stdout);
        match major_version(&printed) {
            Some(major) if major < OLDEST => Err(FindError::TooOld { directory, major }),
            Some(major) => Ok(Self { directory, major }),
            None => Err(broken(format!("`--version` printed {printed:?}"))),
        }
    }
}

fn find_in(bin_dir: Option<&Path>, path: Option<&OsStr>, usual: &[&str]) -> Result<Programs, FindError> {
    if let Some(directory) = bin_dir {
        for program in ["initdb", "postgres"] {
            if !directory.join(program).is_file() {
                return Err(FindError::NotThere { directory: directory.to_owned(), program });
            }
        }
        return Programs::in_directory(directory.to_owned());
    }
    let mut unusable = None;
    let on_path =
        path.into_iter().flat_map(env::split_paths).filter_map(|directory| installed_by(&directory));
    for directory in on_path {
        match Programs::in_directory(directory) {
            Ok(programs) => return Ok(programs),
            Err(error) => unusable = unusable.or(Some(error)),
        }
    }
    let mut best: Option<Programs> = None;
    for directory in
        usual.iter().flat_map(|pattern| expand(pattern)).filter(|directory| is_complete(directory))
    {
        match Programs::in_directory(directory) {
            Ok(programs) if best.as_ref().is_none_or(|best| best.major < programs.major) => {
                best = Some(programs);
            }
            Ok(_) => {}
            Err(error) => unusable = unusable.or(Some(error)),
        }
    }
    best.ok_or_else(|| unusable.unwrap_or(FindError::NotFound))
}

fn is_complete(directory: &Path) -> bool {
    directory.join("initdb").is_file() && directory.join("postgres").is_file()
}

/// Returns the real directory of the programs if this one has an `initdb`, which may be a link or a wrapper.
fn installed_by(directory: &Path) -> Option<PathBuf> {
    let initdb = directory.join("initdb");
    if !initdb.is_file() {
        return None;
    }
    let linked_to = fs::canonicalize(initdb).ok().and_then(|real| real.parent().map(Path::to_owned));
    [linked_to, Some(directory.to_owned()), bindir(directory)]
        .into_iter()
        .flatten()
        .find(|directory| is_complete(directory))
}

/// Returns the directory that `pg_config` reports.
fn bindir(directory: &Path) -> Option<PathBuf> {
    let output = Command::new(directory.join("pg_config")).arg("--bindir").output().ok()?;
    let printed = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| PathBuf::from(printed.trim_end()))
}

/// Returns the directories that match, in no particular order.
fn expand(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else { return vec![PathBuf::from(pattern)] };
    let (parent, beginning) = before.rsplit_once('/').unwrap_or((".", before));
    let entries = fs::read_dir(parent).and_then(Iterator::collect::<io::Result<Vec<_>>>).unwrap_or_default();
    entries
        .into_iter()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(beginning))
        .map(|entry| entry.path().join(after.trim_start_matches('/')))
        .collect()
}

/// Parses the major version of "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", "… 18beta1" and so on.
fn major_version(printed: &str) -> Option<u32> {
    let (_, version) = printed.split_once("(PostgreSQL) ")?;
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Creates a directory with programs that only report their version.
    fn install(directory: &Path, version: &str) -> PathBuf {
        fs::create_dir_all(directory).unwrap();
        for program in ["initdb", "postgres"] {
            script(&directory.join(program), &format!("echo '{program} (PostgreSQL) {version}'"));
        }
        directory.to_owned()
    }

    /// Writes a script, in a process of its own: a program that is started by another thread would inherit the open file for a
    /// moment, and a file that is open for writing cannot be executed.
    fn script(path: &Path, line: &str) {
        let text = format!("#!/bin/sh\n{line}\n");
        let write = ["-c", r#"printf %s "$1" > "$0" && chmod 755 "$0""#];
        assert!(Command::new("sh").args(write).arg(path).arg(text).status().unwrap().success());
    }

    #[test]
    fn versions_are_read() {
        for (printed, major) in [
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", Some(15)),
            ("postgres (PostgreSQL) 18beta1\n", Some(18)),
            ("postgres (PostgreSQL) 9.6.24\n", Some(9)),
            ("postgres: command not found", None),
        ] {
            assert_eq!(major_version(printed), major, "{printed}");
        }
    }

    #[test]
    fn the_directory_that_is_named_is_the_only_one() {
        let root = tempfile::tempdir().unwrap();
        let named = install(&root.path().join("named"), "16.1");
        let on_path = install(&root.path().join("path"), "17.1");
        let found = find_in(Some(&named), Some(on_path.as_os_str()), &[]).unwrap();
        assert_eq!(found, Programs { directory: named.clone(), major: 16 });

        fs::remove_file(named.join("initdb")).unwrap();
        let error = find_in(Some(&named), Some(on_path.as_os_str()), &[]).unwrap_err();
        assert!(matches!(error, FindError::NotThere { program: "initdb", .. }), "{error}");
        let old = install(&root.path().join("old"), "14.9");
        let error = find_in(Some(&old), None, &[]).unwrap_err();
        assert!(error.to_string().starts_with("PostgreSQL 14 in "), "{error}");
    }

    #[test]
    fn a_link_on_the_path_is_followed() {
        let root = tempfile::tempdir().unwrap();
        let real = install(&root.path().join("lib/postgresql/16/bin"), "16.1");
        let bin = root.path().join("bin");
        fs::create_dir(&bin).unwrap();
        symlink(real.join("initdb"), bin.join("initdb")).unwrap();
        let found = find_in(None, Some(bin.as_os_str()), &[]).unwrap();
        assert_eq!(found.path("postgres"), real.canonicalize().unwrap().join("postgres"));
    }

    #[test]
    fn a_wrapper_on_the_path_has_pg_config_beside_it() {
        let root = tempfile::tempdir().unwrap();
        let real = install(&root.path().join("real"), "16.1");
        let bin = root.path().join("bin");
        fs::create_dir(&bin).unwrap();
        script(&bin.join("initdb"), "exit 1");
        assert!(matches!(find_in(None, Some(bin.as_os_str()), &[]), Err(FindError::NotFound)));
        script(&bin.join("pg_config"), &format!("echo {}", real.display()));
        assert_eq!(find_in(None, Some(bin.as_os_str()), &[]).unwrap().path("initdb"), real.join("initdb"));
    }

    #[test]
    fn of_the_usual_places_the_highest_version_is_taken() {
        let root = tempfile::tempdir().unwrap();
        for version in ["9.6", "15.3", "17.2", "16.4"] {
            install(&root.path().join(format!("pgsql-{version}/bin")), version);
        }
        let old = install(&root.path().join("old"), "14.1");
        let pattern = format!("{}/pgsql-*/bin", root.path().display());
        let found = find_in(None, Some(old.as_os_str()), &[&pattern]).unwrap();
        assert_eq!((found.major(), found.path("initdb")), (17, root.path().join("pgsql-17.2/bin/initdb")));

        assert!(matches!(
            find_in(None, Some(old.as_os_str()), &["/nowhere/*/bin"]),
            Err(FindError::TooOld { major: 14, .. })
        ));
        let error = find_in(None, None, &["/nowhere/*/bin", "/nowhere"]).unwrap_err();
        assert!(error.to_string().contains("install it"), "{error}");
    }
}
