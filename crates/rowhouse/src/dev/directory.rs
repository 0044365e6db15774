//! The directory with all persistent data.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::DevError;

/// A directory that exists, is writable, and belongs to this process alone as long as this value exists.
pub(super) struct DataDirectory {
    path: PathBuf,
    _lock: File,
}

impl DataDirectory {
    pub(super) fn open(path: &Path) -> Result<Self, DevError> {
        let failed = |source| DevError::Directory { path: path.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        let path = path.canonicalize().map_err(failed)?;
        let lock_file = path.join("lock");
        let failed = |source| DevError::Directory { path: lock_file.clone(), source };
        open_to_the_server(&path, &lock_file).map_err(failed)?;
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&lock_file);
        let mut lock = options.map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                lock.read_to_string(&mut pid).map_err(failed)?;
                return Err(DevError::Locked { directory: path, pid: pid.trim().to_owned() });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        write_pid(&mut lock).map_err(failed)?;
        Ok(Self { path, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

fn write_pid(lock: &mut File) -> io::Result<()> {
    lock.set_len(0)?;
    lock.rewind()?;
    writeln!(lock, "{}", std::process::id())
}

/// Lets PostgreSQL, which runs as another user for root, reach its part of the directory. A directory with files of
/// other users is not changed.
fn open_to_the_server(path: &Path, lock_file: &Path) -> io::Result<()> {
    let ours = lock_file.exists() || fs::read_dir(path)?.next().is_none();
    if ours && rustix::process::geteuid().is_root() {
        let mode = fs::metadata(path)?.permissions().mode();
        fs::set_permissions(path, Permissions::from_mode(mode | 0o011))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_is_created_and_locked() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        let first = DataDirectory::open(&path).unwrap();
        assert!(first.path().is_absolute());
        let Err(DevError::Locked { pid, .. }) = DataDirectory::open(&path) else {
            panic!("it was opened twice")
        };
        assert_eq!(pid, std::process::id().to_string());
        drop(first);
        DataDirectory::open(&path).unwrap();
    }

    #[test]
    fn an_unusable_directory_is_one_message() {
        let parent = tempfile::tempdir().unwrap();
        let file = parent.path().join("file");
        fs::write(&file, "").unwrap();
        let Err(error) = DataDirectory::open(&file.join("data")) else { panic!("a file is no directory") };
        assert!(error.to_string().starts_with("the data directory cannot be used: "), "{error}");
    }
}
