//! The encryption keys of auth and orders.

use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rowhouse_tokens::KeyError;

use crate::KeysError;
use rowhouse_files as files;

const KEY_LENGTH: usize = 32;

/// Creates the file with one new key unless it exists, since data that was encrypted with a lost key cannot be
/// decrypted. Its directory must exist.
pub fn ensure(path: &Path) -> Result<(), KeysError> {
    if path.exists() {
        return Ok(());
    }
    let mut key = [0; KEY_LENGTH];
    getrandom::fill(&mut key).map_err(KeyError::Random)?;
    let line = format!("{}\n", BASE64_STANDARD.encode(key));
    files::write_private(path, line.as_bytes())
        .map_err(|source| KeysError::Io { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_private() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("encryption.keys");
        ensure(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let made = fs::read_to_string(&path).unwrap();
        assert_eq!(BASE64_STANDARD.decode(made.trim()).unwrap().len(), KEY_LENGTH);
        ensure(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), made);
        assert!(ensure(&directory.path().join("nowhere/encryption.keys")).is_err());
    }
}
