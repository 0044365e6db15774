//! The place for the data of the tests' servers.

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::statvfs;
use tempfile::TempDir;

/// Linux' file system in memory, which every account may use.
const IN_MEMORY: &str = "/dev/shm";
/// The number of free bytes from which it is used.
const ROOM: u64 = 4 << 30;

/// Returns the directory for what no longer matters when the machine stops: `TMPDIR` if it is set, or memory if there is room for it.
/// PostgreSQL creates and removes a thousand files for each test's database, which costs much on a disk.
#[must_use]
pub fn scratch() -> PathBuf {
    let has_room = |path| statvfs(path).is_ok_and(|system| system.f_bavail * system.f_frsize >= ROOM);
    if env::var_os("TMPDIR").is_none() && has_room(IN_MEMORY) {
        Path::new(IN_MEMORY).to_owned()
    } else {
        env::temp_dir()
    }
}

/// Creates a directory there which other accounts may enter, since PostgreSQL may have to run as another user.
pub(crate) fn scratch_directory() -> TempDir {
    let directory = tempfile::tempdir_in(scratch()).unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o711)).unwrap();
    directory
}
