//! Encryption of what the database must not be able to read.

pub use rowhouse_chassis::sealing::EncryptionKeysError;
pub(crate) use rowhouse_chassis::sealing::{Digest32, NotOurs, Sealing, random, sha256};

#[cfg(test)]
pub(crate) mod tests {
    use super::Sealing;

    /// Returns keys for unit tests.
    pub(crate) fn sealing() -> Sealing {
        Sealing::parse("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=").unwrap()
    }
}
