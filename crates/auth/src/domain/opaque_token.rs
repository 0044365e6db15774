//! Secrets that clients carry and nobody can read anything from: refresh tokens, API keys, mailed links.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rowhouse_tenancy::TenantId;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::sealing::{Digest32, Sealing, random, sha256};

const SECRET_LENGTH: usize = 32;
const TAG_LENGTH: usize = 16;
const LENGTH: usize = 16 + 16 + SECRET_LENGTH + TAG_LENGTH;

/// What a token is for. Each has a prefix, so that people and secret scanners know what they found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// Good for one exchange for an access token.
    Refresh,
    /// A program's long-lived secret.
    ApiKey,
    /// In the link of an invitation.
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

/// The text is no token of this kind that this service made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no token of this kind")]
pub(crate) struct InvalidToken;

/// A token of a row in a tenant: its tenant can be read from it before anything is looked up, and a keyed tag tells
/// one that was made here from one that was made up. So a stranger who knows a row's id can't do anything to it.
pub(crate) struct OpaqueToken {
    kind: TokenKind,
    tenant: TenantId,
    id: Uuid,
    bytes: Zeroizing<[u8; LENGTH]>,
}

impl OpaqueToken {
    /// A new token of a row.
    pub(crate) fn generate(
        sealing: &Sealing,
        kind: TokenKind,
        tenant: TenantId,
        id: Uuid,
    ) -> Result<Self, getrandom::Error> {
        let secret = Zeroizing::new(random::<SECRET_LENGTH>()?);
        Ok(Self::assemble(kind, tenant, id, &secret, |body| sealing.digest(kind.purpose(), body)))
    }

    /// What replaces this token, under each of the keys: always the same, so that who asks twice is told the same.
    pub(crate) fn successors(&self, sealing: &Sealing) -> impl Iterator<Item = Self> {
        let keyed = sealing.digests("successor", &*self.bytes);
        keyed.map(|secret| {
            let secret = Zeroizing::new(secret);
            Self::assemble(self.kind, self.tenant, self.id, &secret, |body| {
                sealing.digest(self.kind.purpose(), body)
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

    /// Reads a token of this kind that was made here.
    pub(crate) fn parse(sealing: &Sealing, kind: TokenKind, text: &str) -> Result<Self, InvalidToken> {
        let encoded = text.trim().strip_prefix(kind.prefix()).ok_or(InvalidToken)?;
        let mut bytes = Zeroizing::new([0; LENGTH]);
        match BASE64_URL_SAFE_NO_PAD.decode_slice(encoded, &mut *bytes) {
            Ok(LENGTH) => {}
            _ => return Err(InvalidToken),
        }
        let (body, tag) = bytes.split_last_chunk::<TAG_LENGTH>().ok_or(InvalidToken)?;
        let ours = sealing
            .digests(kind.purpose(), body)
            .filter_map(|digest| digest.first_chunk::<TAG_LENGTH>().copied())
            // All of them, and each to its end: how long it takes says nothing about the tag.
            .fold(false, |found, digest| found | same(&digest, tag));
        if !ours {
            return Err(InvalidToken);
        }
        let (tenant, rest) = body.split_first_chunk::<16>().ok_or(InvalidToken)?;
        let id = rest.first_chunk::<16>().ok_or(InvalidToken)?;
        let tenant = TenantId::from_uuid(Uuid::from_bytes(*tenant));
        Ok(Self { kind, tenant, id: Uuid::from_bytes(*id), bytes })
    }

    /// The tenant whose row it is of. Not proven by it: whether the token is good is said by the row.
    pub(crate) const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The row's id.
    pub(crate) const fn id(&self) -> Uuid {
        self.id
    }

    /// What is kept of it.
    pub(crate) fn digest(&self) -> Digest32 {
        sha256(&*self.bytes)
    }

    /// The token itself. A secret: never log it.
    pub(crate) fn expose(&self) -> String {
        format!("{}{}", self.kind.prefix(), BASE64_URL_SAFE_NO_PAD.encode(*self.bytes))
    }
}

/// Compares to the end, wherever the first difference is.
fn same(one: &[u8; TAG_LENGTH], other: &[u8; TAG_LENGTH]) -> bool {
    one.iter().zip(other).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sealing::tests::sealing;

    #[test]
    fn what_was_made_is_read_back_as_the_same_kind_only() {
        let (sealing, tenant, id) = (sealing(), TenantId::generate(), Uuid::now_v7());
        for kind in [TokenKind::Refresh, TokenKind::ApiKey, TokenKind::Invitation] {
            let token = OpaqueToken::generate(&sealing, kind, tenant, id).unwrap();
            let text = token.expose();
            let read = OpaqueToken::parse(&sealing, kind, &text).unwrap();
            assert_eq!((read.tenant(), read.id(), read.digest()), (tenant, id, token.digest()));
            for other in [TokenKind::Refresh, TokenKind::ApiKey, TokenKind::Invitation] {
                let renamed = text.replace(kind.prefix(), other.prefix());
                assert_eq!(OpaqueToken::parse(&sealing, other, &renamed).is_ok(), other == kind);
            }
        }
    }

    #[test]
    fn what_was_made_up_is_refused() {
        let sealing = sealing();
        let token = OpaqueToken::generate(&sealing, TokenKind::Refresh, TenantId::generate(), Uuid::now_v7())
            .unwrap();
        let text = token.expose();
        for at in [15, 40, 80, text.len() - 2] {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(OpaqueToken::parse(&sealing, TokenKind::Refresh, &changed).is_err(), "{at}");
        }
        for text in ["", "rowhouse_rt_", "rowhouse_rt_AAAA", &format!("{text}A"), &"A".repeat(10_000)] {
            assert!(OpaqueToken::parse(&sealing, TokenKind::Refresh, text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_successor_is_always_the_same_and_cannot_be_foreseen_from_outside() {
        let sealing = sealing();
        let token = OpaqueToken::generate(&sealing, TokenKind::Refresh, TenantId::generate(), Uuid::now_v7())
            .unwrap();
        let successor = || token.successors(&sealing).next().unwrap();
        assert_eq!(successor().digest(), successor().digest());
        assert_ne!(successor().digest(), token.digest());
        let parsed = OpaqueToken::parse(&sealing, TokenKind::Refresh, &successor().expose()).unwrap();
        assert_eq!((parsed.tenant(), parsed.id()), (token.tenant(), token.id()));
    }
}
