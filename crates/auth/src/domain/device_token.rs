//! The token by which a device proves that a person has logged in on it before.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{UserId, later};
use crate::encryption::{DecryptError, EncryptionKeys};

const PREFIX: &str = "rowhouse_dt_";
const PURPOSE: &str = "device token";
/// The lifetime. After a year without a login the device is unknown again.
const LIFETIME: Duration = Duration::from_hours(365 * 24);

/// A device of a person. It gives no access: attempts from the device are only counted separately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeviceToken {
    user: UserId,
    id: Uuid,
}

impl DeviceToken {
    /// Creates a token for an unknown device.
    pub(crate) fn new(user: UserId) -> Self {
        Self { user, id: Uuid::now_v7() }
    }

    /// Returns the id under which its attempts are counted.
    pub(crate) const fn id(&self) -> Uuid {
        self.id
    }

    /// Parses a token of this person. Returns `None` for one that is too old or invalid.
    pub(crate) fn parse(encryption: &EncryptionKeys, text: &str, user: UserId) -> Option<Self> {
        let ciphertext = BASE64_URL_SAFE_NO_PAD.decode(text.trim().strip_prefix(PREFIX)?).ok()?;
        let id = encryption.decrypt(PURPOSE, user.as_uuid().as_bytes(), &ciphertext).ok()?;
        let id = Uuid::from_slice(&id).ok()?;
        let (seconds, nanos) = id.get_timestamp()?.to_unix();
        let made = DateTime::from_timestamp(seconds.cast_signed(), nanos)?;
        (Utc::now() < later(made, LIFETIME)).then_some(Self { user, id })
    }

    /// Returns the token itself. A secret of the device.
    pub(crate) fn expose(&self, encryption: &EncryptionKeys) -> Result<String, DecryptError> {
        let ciphertext = encryption.encrypt(PURPOSE, self.user.as_uuid().as_bytes(), self.id.as_bytes())?;
        Ok(format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(ciphertext)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encryption::tests::encryption;

    #[test]
    fn a_device_is_known_to_its_own_person_only() {
        let (encryption, ada, bob) = (encryption(), UserId::generate(), UserId::generate());
        let device = DeviceToken::new(ada);
        let text = device.expose(&encryption).unwrap();
        assert_eq!(DeviceToken::parse(&encryption, &text, ada), Some(device));
        assert_eq!(DeviceToken::parse(&encryption, &text, bob), None);
        for text in ["", "rowhouse_dt_", "rowhouse_dt_AAAA", "nonsense"] {
            assert_eq!(DeviceToken::parse(&encryption, text, ada), None);
        }
    }
}
