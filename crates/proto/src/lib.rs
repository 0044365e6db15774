//! The messages, clients and servers generated from `proto/`, without `protoc`.

/// Declares the module of one package's version and puts the generated code in it.
macro_rules! generated {
    ($version:ident, $package:literal) => {
        #[allow(
            missing_docs,
            unused_qualifications,
            clippy::all,
            clippy::pedantic,
            clippy::allow_attributes_without_reason,
            clippy::as_conversions,
            rustdoc::bare_urls,
            reason = "generated code; its documentation is the comments of the .proto file"
        )]
        pub mod $version {
            tonic::include_proto!($package);
        }
    };
}

/// Identities, memberships and access tokens.
pub mod auth {
    generated!(v1, "auth.v1");
}

/// The background work of a tenant.
pub mod jobs {
    generated!(v1, "jobs.v1");
}

/// Bringing tenants into being.
pub mod onboarding {
    generated!(v1, "onboarding.v1");
}

/// The orders of a tenant.
pub mod orders {
    generated!(v1, "orders.v1");
}

/// `Debug` of the messages that carry a secret.
mod redacted {
    include!(concat!(env!("OUT_DIR"), "/redacted.rs"));

    #[cfg(test)]
    mod tests;
}

/// All packages as an encoded `google.protobuf.FileDescriptorSet`, for server reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = tonic::include_file_descriptor_set!("descriptors");
