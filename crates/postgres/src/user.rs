//! Whom the server runs as. PostgreSQL refuses to run as root.

use std::io;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

use super::PostgresError;

/// In this order.
const CANDIDATES: [&str; 2] = ["postgres", "nobody"];

/// The account under which PostgreSQL's programs run.
#[derive(Clone, Debug)]
pub(super) struct ServerUser {
    /// None: as whoever runs this process.
    account: Option<Account>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Account {
    name: &'static str,
    uid: u32,
    gid: u32,
}

impl ServerUser {
    /// This process's own user, or, for root, `postgres`, else `nobody`.
    pub(super) fn choose() -> Result<Self, PostgresError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self { account: None });
        }
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let account = CANDIDATES.into_iter().find_map(|name| find(&passwd, name));
        account.map(|account| Self { account: Some(account) }).ok_or(PostgresError::NoUser)
    }

    /// A command under this account, in a process group of its own, so that Ctrl-C at a terminal reaches only
    /// the process that decides about it. It hears nothing of PostgreSQL's environment variables.
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

    /// An error if the account cannot get into the directory: a parent may be closed to it.
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
        // Root under another name would not help.
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
