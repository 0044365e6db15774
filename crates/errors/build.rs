//! Generates a constant for each error code that any call can end with.

#![allow(clippy::print_stdout, reason = "a build script speaks to cargo by what it prints")]

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use protox::Compiler;
use rowhouse_api::{ErrorCode, error_codes};

const ROOT: &str = "../../proto";
const FILE: &str = "rowhouse/api/v1/errors.proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={ROOT}/rowhouse");
    let mut compiler = Compiler::new([ROOT])?;
    compiler.include_imports(true).open_file(FILE)?;
    let codes = error_codes(&compiler.descriptor_pool())?;

    let constants: String = codes.iter().map(ErrorCode::constant).collect();
    let names: Vec<_> = codes.iter().map(|code| format!("Self::{}", code.reason)).collect();
    let generated = format!(
        "impl Code {{
{constants}/// The codes that any call can end with.
pub const COMMON: &'static [Self] = &[{}];
}}\n",
        names.join(", ")
    );
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR for build scripts")?);
    fs::write(out_dir.join("common.rs"), generated)?;
    Ok(())
}
