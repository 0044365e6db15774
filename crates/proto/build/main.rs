//! Generates the messages, clients and servers of `proto/`, its error codes and permissions, and the descriptor set for
//! reflection.

#![allow(clippy::print_stdout, reason = "a build script speaks to cargo by what it prints")]

mod packages;
mod redacted;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use protox::Compiler;
use rowhouse_api::definition_files;

const ROOT: &str = "../../proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={ROOT}");
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR for build scripts")?);

    let files = definition_files(Path::new(ROOT))?;
    let mut compiler = Compiler::new([ROOT])?;
    compiler.include_imports(true).include_source_info(true).open_files(&files)?;
    // Unlike the file descriptors, the pool keeps the options that we declare ourselves.
    let pool = compiler.descriptor_pool();

    let secrets = redacted::messages(&pool);
    tonic_prost_build::configure()
        .skip_debug(secrets.iter().map(|message| format!(".{}", message.full_name())))
        .compile_fds(compiler.file_descriptor_set())?;
    fs::write(out_dir.join("redacted.rs"), redacted::code(&secrets))?;
    fs::write(out_dir.join("packages.rs"), packages::code(&pool)?)?;

    // The comments are for the generated documentation; reflection has no use for them.
    let mut described = Compiler::new([ROOT])?;
    described.include_imports(true).include_source_info(false).open_files(&files)?;
    fs::write(out_dir.join("descriptors.bin"), described.encode_file_descriptor_set())?;
    Ok(())
}
