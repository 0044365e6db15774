//! Generates the operations, and the OpenAPI document, from the API definition.

#![allow(clippy::print_stdout, reason = "a build script speaks to cargo by what it prints")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use protox::Compiler;
use rowhouse_api::definition_files;
use rowhouse_catalog::ServiceName;
use rowhouse_rest_build::{ErrorSets, generate};

const PROTO: &str = "../../proto";
/// The part of the document that is written by hand.
const BASE: &str = "openapi.base.yaml";

/// The errors of operations in addition to their own.
const ERRORS: ErrorSets<'static> = ErrorSets {
    every_call: &["RESOURCE_EXHAUSTED", "INTERNAL", "UNAVAILABLE", "OVERLOADED", "DEADLINE_EXCEEDED"],
    with_token: &[
        "RATE_LIMITED",
        "INVALID_ARGUMENT",
        "TOKEN_MISSING",
        "TOKEN_INVALID",
        "TOKEN_EXPIRED",
        "TOKEN_REVOKED",
        "TENANT_MISMATCH",
        "TENANT_UNKNOWN",
        "TENANT_SUSPENDED",
        "PERMISSION_DENIED",
    ],
    with_body: &[
        "MALFORMED_JSON",
        "INVALID_ARGUMENT",
        "BODY_TOO_LARGE",
        "REQUEST_TOO_SLOW",
        "UNSUPPORTED_MEDIA_TYPE",
    ],
    with_parameters: &["INVALID_ARGUMENT", "URI_TOO_LONG"],
};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={PROTO}");
    println!("cargo::rerun-if-changed={BASE}");
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR for build scripts")?);
    let mut compiler = Compiler::new([PROTO])?;
    compiler
        .include_imports(true)
        .include_source_info(true)
        .open_files(definition_files(Path::new(PROTO))?)?;
    let base = yaml_serde::from_str(&fs::read_to_string(BASE)?)?;
    let hosts = |package: &str| ServiceName::of_package(package).map(ServiceName::as_str);
    let generated = generate(&compiler.descriptor_pool(), base, &ERRORS, &hosts)?;
    fs::write(out_dir.join("rest.rs"), generated.rust)?;
    fs::write(out_dir.join("openapi.json"), format!("{:#}\n", generated.openapi))?;
    Ok(())
}
