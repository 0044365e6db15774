//! The token between the two steps of a login with a second factor.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use rowhouse_tenancy::TenantId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AttemptKeys, InvalidToken, PasswordHash, UserId, later};
use crate::encryption::{DecryptError, Digest32, EncryptionKeys, sha256};

const PREFIX: &str = "rowhouse_mfa_";
const PURPOSE: &str = "mfa token";
/// The time for the second step.
const LIFETIME: Duration = Duration::from_mins(5);

/// A person who has proved the password, and the tenant of the login. It is encrypted, and only the caller stores it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MfaToken {
    user: Uuid,
    tenant: Uuid,
    /// The digest of the hash that was checked, so that a changed password invalidates the token.
    password: Digest32,
    /// The keys under which the first step was counted. The attempt is successful after the second step.
    counted: AttemptKeys,
    expires_at: DateTime<Utc>,
}

impl MfaToken {
    pub(crate) fn new(user: UserId, tenant: TenantId, hash: &PasswordHash, counted: AttemptKeys) -> Self {
        let expires_at = later(Utc::now(), LIFETIME);
        Self { user: user.as_uuid(), tenant: tenant.as_uuid(), password: digest(hash), counted, expires_at }
    }

    pub(crate) fn user(&self) -> UserId {
        UserId::from(self.user)
    }

    /// Returns the tenant of the login.
    pub(crate) fn tenant(&self) -> TenantId {
        TenantId::from_uuid(self.tenant)
    }

    /// Returns whether the password is still the one that was checked.
    pub(crate) fn is_of(&self, hash: &PasswordHash) -> bool {
        self.password == digest(hash)
    }

    pub(crate) fn counted(&self) -> &AttemptKeys {
        &self.counted
    }

    pub(crate) fn expose(&self, encryption: &EncryptionKeys) -> Result<String, DecryptError> {
        let plain = serde_json::to_vec(self).or(Err(DecryptError))?;
        Ok(format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(encryption.encrypt(PURPOSE, b"", &plain)?)))
    }

    pub(crate) fn parse(encryption: &EncryptionKeys, text: &str) -> Result<Self, InvalidToken> {
        let encoded = text.trim().strip_prefix(PREFIX).ok_or(InvalidToken)?;
        let ciphertext = BASE64_URL_SAFE_NO_PAD.decode(encoded).or(Err(InvalidToken))?;
        let plain = encryption.decrypt(PURPOSE, b"", &ciphertext).or(Err(InvalidToken))?;
        let token: Self = serde_json::from_slice(&plain).or(Err(InvalidToken))?;
        if Utc::now() < token.expires_at { Ok(token) } else { Err(InvalidToken) }
    }
}

fn digest(hash: &PasswordHash) -> Digest32 {
    sha256(hash.as_str().as_bytes())
}

#[cfg(test)]
mod tests {
    use rowhouse_chassis::error::MAX_METADATA;

    use super::*;
    use crate::encryption::tests::encryption;

    #[test]
    fn the_token_expires_and_belongs_to_one_password() {
        let encryption = encryption();
        let (old, new) = (PasswordHash::from("$2b$old".to_owned()), PasswordHash::from("$2b$new".to_owned()));
        let counted = AttemptKeys { own: vec![[255; 32]], shared: vec![[255; 32]; 3], familiar: [255; 32] };
        let token = MfaToken::new(UserId::generate(), TenantId::generate(), &old, counted);
        let text = token.expose(&encryption).unwrap();
        assert!(text.len() < MAX_METADATA / 2, "{}", text.len());
        let read = MfaToken::parse(&encryption, &text).unwrap();
        assert_eq!(read, token);
        assert!(read.is_of(&old) && !read.is_of(&new));
        let expired = MfaToken { expires_at: Utc::now(), ..token };
        assert_eq!(MfaToken::parse(&encryption, &expired.expose(&encryption).unwrap()), Err(InvalidToken));
        for text in ["", "rowhouse_mfa_", "rowhouse_mfa_AAAA"] {
            assert_eq!(MfaToken::parse(&encryption, text), Err(InvalidToken));
        }
    }
}
