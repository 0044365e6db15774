//! Passes the schema version that the programs need to the crate.

use std::path::Path;
use std::{env, fs, io};

/// Taking away what nobody uses any more can wait; what is added has to be there.
const CONTRACT: &str = "_contract";

fn main() -> io::Result<()> {
    let manifest = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    let migrations = Path::new(&manifest).join("../../migrations");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", migrations.display());

    let mut newest = String::new();
    for migration in fs::read_dir(&migrations)? {
        let name = migration?.file_name().to_string_lossy().into_owned();
        if name.ends_with(CONTRACT) {
            continue;
        }
        // As diesel makes a version out of a directory's name.
        let version = name.split('_').next().unwrap_or_default().replace('-', "");
        newest = newest.max(version);
    }
    if newest.is_empty() {
        return Err(io::Error::other(format!("no migration in {}", migrations.display())));
    }
    println!("cargo::rustc-env=ROWHOUSE_REQUIRED_SCHEMA={newest}");
    Ok(())
}
