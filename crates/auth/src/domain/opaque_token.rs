//! Opaque tokens of clients: refresh tokens, API keys, emailed links.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rowhouse_tenancy::TenantId;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::encryption::{Digest32, EncryptionKeys, random, sha256};

const SECRET_LENGTH: usize = 32;
const TAG_LENGTH: usize = 16;
const LENGTH: usize = 16 + 16 + SECRET_LENGTH + TAG_LENGTH;

/// The purpose of a token. Each has a prefix, so that people and secret scanners recognise it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// It can be exchanged once for an access token.
    Refresh,
    /// A long-lived secret of a program.
    ApiKey,
    /// The token in an invitation's link.
    Invitation,
}

impl TokenKind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Refresh => "rowhouse_rt_",
            Self::ApiKey => "rowhouse_ak_",
            Self::Invitation => "rowhouse_inv_",
        }
    }

    const fn purpose(self) -> &'static str {
        match self {
            Self::Refresh => "refresh token",
            Self::ApiKey => "api key",
            Self::Invitation => "invitation",
        }
    }
}

/// The error for a text that is not a token of this kind, made by this service.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no token of this kind")]
pub(crate) struct InvalidToken;

/// A token that belongs to a row in a tenant. The tenant can be read from it before any query, and a keyed tag
/// distinguishes it from an invented one, so that somebody who knows a row's id can do nothing with it.
pub(crate) struct OpaqueToken {
    kind: TokenKind,
    tenant: TenantId,
    id: Uuid,
    bytes: Zeroizing<[u8; LENGTH]>,
}

impl OpaqueToken {
    /// Generates a token for a row.
    pub(crate) fn generate(
        encryption: &EncryptionKeys,
        kind: TokenKind,
        tenant: TenantId,
        id: Uuid,
    ) -> Result<Self, getrandom::Error> {
        let secret = Zeroizing::new(random::<SECRET_LENGTH>()?);
        Ok(Self::assemble(kind, tenant, id, &secret, |body| encryption.digest(kind.purpose(), body)))
    }

    /// Returns the successors of this token, with each of the keys. They are always the same, so that a repeated
    /// exchange gets the same result.
    pub(crate) fn successors(&self, encryption: &EncryptionKeys) -> impl Iterator<Item = Self> {
        let keyed = encryption.digests("successor", &*self.bytes);
        keyed.map(|secret| {
            let secret = Zeroizing::new(secret);
            Self::assemble(self.kind, self.tenant, self.id, &secret, |body| {
                encryption.digest(self.kind.purpose(), body)
            })
        })
    }

    fn assemble(
        kind: TokenKind,
        tenant: TenantId,
        id: Uuid,
        secret: &[u8; SECRET_LENGTH],
        tag: impl FnOnce(&[u8]) -> Digest32,
    ) -> Self {
        let mut bytes = Zeroizing::new([0; LENGTH]);
        let tenant_id = tenant.as_uuid();
        let parts = [&tenant_id.as_bytes()[..], id.as_bytes(), secret];
        let tag = tag(&parts.concat());
        let all = parts.into_iter().flatten().chain(&tag);
        bytes.iter_mut().zip(all).for_each(|(to, from)| *to = *from);
        Self { kind, tenant, id, bytes }
    }

    /// Parses a token of this kind and verifies its tag.
    pub(crate) fn parse(
        encryption: &EncryptionKeys,
        kind: TokenKind,
        text: &str,
    ) -> Result<Self, InvalidToken> {
        let encoded = text.trim().strip_prefix(kind.prefix()).ok_or(InvalidToken)?;
        let mut bytes = Zeroizing::new([0; LENGTH]);
        match BASE64_URL_SAFE_NO_PAD.decode_slice(encoded, &mut *bytes) {
            Ok(LENGTH) => {}
            _ => return Err(InvalidToken),
        }
        let (body, tag) = bytes.split_last_chunk::<TAG_LENGTH>().ok_or(InvalidToken)?;
        let ours = encryption
            .digests(kind.purpose(), body)
            .filter_map(|digest| digest.first_chunk::<TAG_LENGTH>().copied())
            // All digests are compared to their end, so the time reveals nothing about the tag.
            .fold(false, |found, digest| found | same(&digest, tag));
        if !ours {
            return Err(InvalidToken);
        }
        let (tenant, rest) = body.split_first_chunk::<16>().ok_or(InvalidToken)?;
        let id = rest.first_chunk::<16>().ok_or(InvalidToken)?;
        let tenant = TenantId::from_uuid(Uuid::from_bytes(*tenant));
        Ok(Self { kind, tenant, id: Uuid::from_bytes(*id), bytes })
    }

    /// Returns the tenant of the row. It is not proved by the token alone: the row decides whether the token is
    /// valid.
    pub(crate) const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Returns the id of the row.
    pub(crate) const fn id(&self) -> Uuid {
        self.id
    }

    /// Returns the digest, which is stored.
    pub(crate) fn digest(&self) -> Digest32 {
        sha256(&*self.bytes)
    }

    /// Returns the token itself. A secret: never log it.
    pub(crate) fn expose(&self) -> String {
        format!("{}{}", self.kind.prefix(), BASE64_URL_SAFE_NO_PAD.encode(*self.bytes))
    }
}

/// Compares in constant time.
fn same(one: &[u8; TAG_LENGTH], other: &[u8; TAG_LENGTH]) -> bool {
    one.iter().zip(other).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encryption::tests::encryption;

    #[test]
    fn tokens_are_read_back_as_their_own_kind_only() {
        let (encryption, tenant, id) = (encryption(), TenantId::generate(), Uuid::now_v7());
        for kind in [TokenKind::Refresh, TokenKind::ApiKey, TokenKind::Invitation] {
            let token = OpaqueToken::generate(&encryption, kind, tenant, id).unwrap();
            let text = token.expose();
            let read = OpaqueToken::parse(&encryption, kind, &text).unwrap();
            assert_eq!((read.tenant(), read.id(), read.digest()), (tenant, id, token.digest()));
            for other in [TokenKind::Refresh, TokenKind::ApiKey, TokenKind::Invitation] {
                let renamed = text.replace(kind.prefix(), other.prefix());
                assert_eq!(OpaqueToken::parse(&encryption, other, &renamed).is_ok(), other == kind);
            }
        }
    }

    #[test]
    fn invented_tokens_are_refused() {
        let encryption = encryption();
        let token =
            OpaqueToken::generate(&encryption, TokenKind::Refresh, TenantId::generate(), Uuid::now_v7())
                .unwrap();
        let text = token.expose();
        for at in [15, 40, 80, text.len() - 2] {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(OpaqueToken::parse(&encryption, TokenKind::Refresh, &changed).is_err(), "{at}");
        }
        for text in ["", "rowhouse_rt_", "rowhouse_rt_AAAA", &format!("{text}A"), &"A".repeat(10_000)] {
            assert!(OpaqueToken::parse(&encryption, TokenKind::Refresh, text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_successor_is_always_the_same_and_cannot_be_foreseen_from_outside() {
        let encryption = encryption();
        let token =
            OpaqueToken::generate(&encryption, TokenKind::Refresh, TenantId::generate(), Uuid::now_v7())
                .unwrap();
        let successor = || token.successors(&encryption).next().unwrap();
        assert_eq!(successor().digest(), successor().digest());
        assert_ne!(successor().digest(), token.digest());
        let parsed = OpaqueToken::parse(&encryption, TokenKind::Refresh, &successor().expose()).unwrap();
        assert_eq!((parsed.tenant(), parsed.id()), (token.tenant(), token.id()));
    }
}
