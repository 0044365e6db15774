//! Generates the messages, clients and servers of `proto/`, and the descriptor set for reflection.

#![allow(clippy::print_stdout, reason = "a build script speaks to cargo by what it prints")]

mod redacted;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use protox::Compiler;

const ROOT: &str = "../../proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={ROOT}");
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR for build scripts")?);

    let mut files = Vec::new();
    find_files(Path::new(ROOT), &mut files)?;
    let mut compiler = Compiler::new([ROOT])?;
    compiler.include_imports(true).include_source_info(true).open_files(&files)?;
    // Unlike the file descriptors, the pool keeps the options that we declare ourselves.
    let pool = compiler.descriptor_pool();

    let secrets = redacted::messages(&pool);
    tonic_prost_build::configure()
        .skip_debug(secrets.iter().map(|message| format!(".{}", message.full_name())))
        .compile_fds(compiler.file_descriptor_set())?;
    fs::write(out_dir.join("redacted.rs"), redacted::code(&secrets))?;

    // The comments are for the generated documentation; reflection has no use for them.
    let mut described = Compiler::new([ROOT])?;
    described.include_imports(true).include_source_info(false).open_files(&files)?;
    fs::write(out_dir.join("descriptors.bin"), described.encode_file_descriptor_set())?;
    Ok(())
}

/// All definitions under `folder`.
fn find_files(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find_files(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    files.sort();
    Ok(())
}
