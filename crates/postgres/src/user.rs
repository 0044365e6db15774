//! The account of the server. PostgreSQL refuses to run as root.

use std::io;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

use super::PostgresError;

/// The accounts to try, in order.
const CANDIDATES: [&str; 2] = ["postgres", "nobody"];

/// The account under which PostgreSQL's programs run.
#[derive(Clone, Debug)]
pub(super) struct ServerUser {
    /// The account, or `None` for this process's own.
    account: Option<Account>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Account {
    name: &'static str,
    uid: u32,
    gid: u32,
}

impl ServerUser {
    /// Returns this process's own account or, for root, `postgres` or `nobody`.
    pub(super) fn choose() -> Result<Self, PostgresError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self { account: None });
        }
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let account = CANDIDATES.into_iter().find_map(|name| find(&passwd, name));
        account.map(|account| Self { account: Some(account) }).ok_or(PostgresError::NoUser)
    }

    /// Returns a command under this account, in a process group of its own, so that Ctrl-C reaches only this process.
    /// It does not inherit PostgreSQL's environment variables.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/").process_group(0).stdin(Stdio::null());
        command.env("LC_ALL", "C").env("TZ", "UTC");
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
            command.env_remove(name);
        }
        if let Some(account) = &self.account {
            command.uid(account.uid).gid(account.gid);
        }
        command
    }

    /// Makes the account the owner of a file or directory.
    pub(super) fn own(&self, path: &Path) -> io::Result<()> {
        match &self.account {
            Some(account) => chown(path, Some(account.uid), Some(account.gid)),
            None => Ok(()),
        }
    }

    /// Fails if the account cannot enter the directory, because of a parent for example.
    pub(super) fn check_reach(&self, directory: &Path) -> Result<(), PostgresError> {
        let Some(account) = &self.account else { return Ok(()) };
        let mut enter = self.command(Path::new("/bin/sh"));
        match enter.current_dir(directory).args(["-c", ":"]).status() {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Err(PostgresError::OutOfReach { directory: directory.to_owned(), user: account.name })
            }
            Err(source) => Err(PostgresError::Io { path: directory.to_owned(), source }),
            Ok(_) => Ok(()),
        }
    }
}

fn find(passwd: &str, name: &'static str) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        // An account with root's id would not help.
        (uid != 0).then_some(Account { name, uid, gid })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_read() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\n\
                      nobody:x:65534:65533:nobody:/nonexistent:/usr/sbin/nologin\n\
                      postgres2:x:7:7::/:/bin/sh\n\
                      broken:x\n";
        assert_eq!(find(passwd, "nobody"), Some(Account { name: "nobody", uid: 65534, gid: 65533 }));
        assert_eq!(find(passwd, "postgres"), None);
        assert_eq!(find(passwd, "broken"), None);
        assert_eq!(find(passwd, "root"), None);
    }
}
