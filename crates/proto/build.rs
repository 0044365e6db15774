//! Generates the messages, clients and servers of `proto/`, and the descriptor set for reflection.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;
use tonic_prost_build::FileDescriptorSet;

const ROOT: &str = "../../proto";

const FILES: [&str; 12] = [
    "auth/v1/api_key.proto",
    "auth/v1/audit_log.proto",
    "auth/v1/auth.proto",
    "auth/v1/invitation.proto",
    "auth/v1/member.proto",
    "auth/v1/mfa.proto",
    "auth/v1/session.proto",
    "jobs/v1/job.proto",
    "onboarding/v1/onboarding.proto",
    "orders/v1/export.proto",
    "orders/v1/orders.proto",
    "orders/v1/webhook.proto",
];

/// A message with a field of one of these names gets no derived `Debug`: it doesn't compile until
/// `src/redacted.rs` has one that leaves the value out.
const SECRET_FIELDS: [&str; 16] = [
    "device_token",
    "password",
    "current_password",
    "new_password",
    "access_token",
    "refresh_token",
    "mfa_token",
    "code",
    "token",
    "client_secret",
    "totp_secret",
    "otpauth_url",
    "recovery_codes",
    "secret",
    "status_token",
    "member_proof",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={ROOT}");
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR for build scripts")?);

    let mut descriptors = protox::compile(FILES.map(|file| format!("{ROOT}/{file}")), [ROOT])?;
    tonic_prost_build::configure()
        .skip_debug(messages_with_secrets(&descriptors))
        .compile_fds(descriptors.clone())?;

    // The comments are for the generated documentation; reflection has no use for them.
    for file in &mut descriptors.file {
        file.source_code_info = None;
    }
    fs::write(out_dir.join("descriptors.bin"), descriptors.encode_to_vec())?;
    Ok(())
}

fn messages_with_secrets(descriptors: &FileDescriptorSet) -> Vec<String> {
    let mut found = Vec::new();
    for file in &descriptors.file {
        for message in &file.message_type {
            if message.field.iter().any(|field| SECRET_FIELDS.contains(&field.name())) {
                found.push(format!(".{}.{}", file.package(), message.name()));
            }
        }
    }
    found
}
