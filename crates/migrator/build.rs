//! Builds the crate again when a migration changes, and gives the migrations a fingerprint.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io;
use std::path::Path;
use std::{env, fs};

fn main() -> io::Result<()> {
    let manifest = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    let migrations = Path::new(&manifest).join("../../migrations");
    println!("cargo::rerun-if-changed={}", migrations.display());

    let mut files = Vec::new();
    for migration in fs::read_dir(&migrations)? {
        for file in fs::read_dir(migration?.path())? {
            files.push(file?.path());
        }
    }
    files.sort();
    // Its keys are fixed, so the same migrations always have the same fingerprint.
    let mut hasher = DefaultHasher::new();
    for file in files {
        println!("cargo::rerun-if-changed={}", file.display());
        file.strip_prefix(&migrations).unwrap_or(&file).hash(&mut hasher);
        fs::read(&file)?.hash(&mut hasher);
    }
    println!("cargo::rustc-env=ROWHOUSE_MIGRATIONS_FINGERPRINT={:016x}", hasher.finish());
    Ok(())
}
