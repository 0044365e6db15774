//! The file of encryption keys, for the command that changes it.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use zeroize::Zeroizing;

use super::{KEY_ID_LENGTH, Key, decode, derive};

/// The beginning of a line with a key that only recognises digests.
pub(super) const DIGEST_ONLY: &str = "digest:";

/// The first bytes of a ciphertext, which identify its key.
pub type KeyId = [u8; KEY_ID_LENGTH];

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

/// Returns the ids of the keys in the contents of a file that encrypt and decrypt, the current one's first. Returns `None` if a
/// line is not a key.
#[must_use]
pub fn key_ids(text: &str) -> Option<Vec<KeyId>> {
    let keys = lines(text).map(Key::parse).collect::<Option<Vec<_>>>()?;
    Some(keys.iter().filter(|key| key.cipher.is_some()).map(|key| key.id).collect())
}

/// Returns the contents of a file in which the keys after the current one can decrypt nothing any more, but still recognise API
/// keys, invitations and refresh tokens, which are in the hands of clients. Returns `None` if a line is not a key.
#[must_use]
pub fn digest_only(text: &str) -> Option<Zeroizing<String>> {
    let mut retired = Zeroizing::new(String::new());
    for (at, line) in lines(text).enumerate() {
        Key::parse(line)?;
        if at == 0 || line.starts_with(DIGEST_ONLY) {
            retired.push_str(line);
        } else {
            retired.push_str(DIGEST_ONLY);
            retired.push_str(&Zeroizing::new(BASE64_STANDARD.encode(*derive(&*decode(line)?, b"digest")?)));
        }
        retired.push('\n');
    }
    Some(retired)
}

#[cfg(test)]
mod tests {
    use super::super::EncryptionKeys;
    use super::*;

    fn line(byte: u8) -> String {
        BASE64_STANDARD.encode([byte; 32])
    }

    #[test]
    fn a_retired_key_recognises_and_does_not_decrypt() {
        let old = EncryptionKeys::parse(&line(1)).unwrap();
        let both = format!("{}\n{}\n", line(2), line(1));
        assert_eq!(key_ids(&both).unwrap().len(), 2);
        let ciphertext = old.encrypt("totp", b"", b"secret").unwrap();
        let key_id: KeyId = *ciphertext.first_chunk().unwrap();
        assert_eq!(key_ids(&both).unwrap().last(), Some(&key_id));

        let text = digest_only(&both).unwrap();
        assert!(!text.contains(&line(1)) && text.starts_with(&line(2)), "the master key is gone");
        let retired = EncryptionKeys::parse(&text).unwrap();
        assert!(retired.decrypt("totp", b"", &ciphertext).is_err());
        assert!(retired.digests("api key", b"x").any(|digest| digest == old.digest("api key", b"x")));
        assert_eq!(retired.digest("x", b"y"), EncryptionKeys::parse(&both).unwrap().digest("x", b"y"));
        assert_eq!(key_ids(&text).unwrap().len(), 1);
        // Once more changes nothing.
        assert_eq!(digest_only(&text).unwrap(), text);
    }

    #[test]
    fn the_first_key_has_to_encrypt() {
        let text = digest_only(&format!("{}\n{}", line(2), line(1))).unwrap();
        let retired = text.lines().nth(1).unwrap();
        assert!(EncryptionKeys::parse(retired).is_none());
        assert!(EncryptionKeys::parse(&format!("{}\ndigest:short", line(2))).is_none());
        assert!(digest_only("short").is_none() && key_ids("short").is_none());
    }
}
