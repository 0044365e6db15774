//! The one signature algorithm that jsonwebtoken is given here: EdDSA with Ed25519. Its own providers bring RSA, NIST curves
//! and HMAC along, none of which may sign a token.

use std::sync::Once;

use ed25519_dalek::pkcs8::DecodePrivateKey;
use ed25519_dalek::{Signature, SigningKey, VerifyingKey};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result, new_error};
use jsonwebtoken::signature::{self, Signer, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, EncodingKey};

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| signer(*algorithm, key),
    verifier_factory: |algorithm, key| verifier(*algorithm, key),
    // These serve jsonwebtoken's own JWK type, which is not used.
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes jsonwebtoken sign and verify with Ed25519. Called wherever a key is made or read, and without a key there is no token.
pub(crate) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        if PROVIDER.install_default().is_err() {
            tracing::warn!("jsonwebtoken keeps the provider of signatures that the program installed before");
        }
    });
}

struct Ed25519Signer(SigningKey);

struct Ed25519Verifier(VerifyingKey);

fn signer(algorithm: Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    supported(algorithm, key.family())?;
    let key = SigningKey::from_pkcs8_der(key.as_bytes()).or(Err(new_error(ErrorKind::InvalidEddsaKey)))?;
    Ok(Box::new(Ed25519Signer(key)))
}

fn verifier(algorithm: Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    supported(algorithm, key.family())?;
    let key = key.try_get_as_bytes()?.try_into().or(Err(new_error(ErrorKind::InvalidEddsaKey)))?;
    Ok(Box::new(Ed25519Verifier(
        VerifyingKey::from_bytes(key).or(Err(new_error(ErrorKind::InvalidEddsaKey)))?,
    )))
}

fn supported(algorithm: Algorithm, family: AlgorithmFamily) -> Result<()> {
    if algorithm == Algorithm::EdDSA && family == AlgorithmFamily::Ed {
        Ok(())
    } else {
        Err(new_error(ErrorKind::InvalidAlgorithm))
    }
}

impl Signer<Vec<u8>> for Ed25519Signer {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, signature::Error> {
        let signature: Signature = self.0.try_sign(message)?;
        Ok(signature.to_vec())
    }
}

impl JwtSigner for Ed25519Signer {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

impl Verifier<Vec<u8>> for Ed25519Verifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), signature::Error> {
        self.0.verify(message, &Signature::from_slice(signature)?)
    }
}

impl JwtVerifier for Ed25519Verifier {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}
