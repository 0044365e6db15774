//! Encryption of what the database must not be able to read.

pub use rowhouse_chassis::encryption::EncryptionKeysError;
pub(crate) use rowhouse_chassis::encryption::{DecryptError, Digest32, EncryptionKeys, random, sha256};

#[cfg(test)]
pub(crate) mod tests {
    use super::EncryptionKeys;

    /// Returns keys for unit tests.
    pub(crate) fn encryption() -> EncryptionKeys {
        EncryptionKeys::parse("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=").unwrap()
    }
}
