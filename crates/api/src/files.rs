//! The files of a definition.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// Returns all `.proto` files below a folder, in the order of their paths. A new package is found without being listed.
pub fn definition_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(definition_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
