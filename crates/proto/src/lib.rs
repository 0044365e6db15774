//! The messages, clients and servers generated from `proto/`, without `protoc`, and what it declares beside them: error codes
//! and permissions. There is a module for each package, such as `orders::v1` for `orders.v1`.

include!(concat!(env!("OUT_DIR"), "/packages.rs"));

/// `Debug` of the messages that carry a secret.
mod redacted {
    include!(concat!(env!("OUT_DIR"), "/redacted.rs"));

    #[cfg(test)]
    mod tests;
}

/// All packages as an encoded `google.protobuf.FileDescriptorSet`, for server reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = tonic::include_file_descriptor_set!("descriptors");

#[cfg(test)]
mod tests;
