//! The secrets that sign deliveries by Standard Webhooks (<https://www.standardwebhooks.com>).

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use rowhouse_chassis::encryption::{DecryptError, EncryptionKeys, random};
use sha2::Sha256;
use uuid::Uuid;
use zeroize::Zeroizing;

/// The purpose for which secrets are encrypted.
const PURPOSE: &str = "webhook endpoint";
/// The length in bytes. Standard Webhooks requires 24 to 64.
const LENGTH: usize = 32;

/// An endpoint's secret. It has no `Debug`.
pub(crate) struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    pub(crate) fn generate() -> Result<Self, DecryptError> {
        let bytes: [u8; LENGTH] = random().or(Err(DecryptError))?;
        Ok(Self(Zeroizing::new(bytes.to_vec())))
    }

    /// Returns the form for the receiver: `whsec_` and base64.
    pub(crate) fn reveal(&self) -> String {
        format!("whsec_{}", BASE64_STANDARD.encode(&*self.0))
    }

    /// Encrypts the secret for the endpoint's row.
    pub(crate) fn encrypt(
        &self,
        encryption: &EncryptionKeys,
        endpoint: Uuid,
    ) -> Result<Vec<u8>, DecryptError> {
        encryption.encrypt(PURPOSE, endpoint.as_bytes(), &self.0)
    }

    pub(crate) fn decrypt(
        encryption: &EncryptionKeys,
        endpoint: Uuid,
        ciphertext: &[u8],
    ) -> Result<Self, DecryptError> {
        encryption.decrypt(PURPOSE, endpoint.as_bytes(), ciphertext).map(Self)
    }

    /// Returns the header `webhook-signature`. `timestamp`: seconds since 1970, as in `webhook-timestamp`.
    pub(crate) fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> Result<String, DecryptError> {
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0).or(Err(DecryptError))?;
        let mac = mac.chain_update(format!("{id}.{timestamp}.")).chain_update(body);
        Ok(format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encryption(byte: u8) -> EncryptionKeys {
        EncryptionKeys::parse(&BASE64_STANDARD.encode([byte; 32])).unwrap()
    }

    fn of(base64: &str) -> Secret {
        Secret(Zeroizing::new(BASE64_STANDARD.decode(base64).unwrap()))
    }

    /// The test vector of the reference libraries and their documentation.
    #[test]
    fn the_signature_is_the_one_of_the_reference_libraries() {
        let secret = of("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signature =
            secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#).unwrap();
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(secret.reveal(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    }

    #[test]
    fn every_part_is_signed() {
        let secret = Secret::generate().unwrap();
        let good = secret.sign("a", 1, b"{}").unwrap();
        for other in [
            secret.sign("b", 1, b"{}"),
            secret.sign("a", 2, b"{}"),
            secret.sign("a", 1, b"{} "),
            Secret::generate().unwrap().sign("a", 1, b"{}"),
        ] {
            assert_ne!(other.unwrap(), good);
        }
    }

    #[test]
    fn a_secret_is_read_in_its_own_row_and_with_the_keys_only() {
        let (secret, endpoint) = (Secret::generate().unwrap(), Uuid::now_v7());
        let ciphertext = secret.encrypt(&encryption(1), endpoint).unwrap();
        assert_eq!(secret.reveal().len(), "whsec_".len() + 44);
        assert_eq!(Secret::decrypt(&encryption(1), endpoint, &ciphertext).unwrap().reveal(), secret.reveal());
        assert!(Secret::decrypt(&encryption(1), Uuid::now_v7(), &ciphertext).is_err());
        assert!(Secret::decrypt(&encryption(2), endpoint, &ciphertext).is_err());
        assert!(!ciphertext.windows(8).any(|window| window == &secret.0[..8]));
    }
}
