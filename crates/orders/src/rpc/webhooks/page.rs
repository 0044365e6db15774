//! Pages of the lists, by keyset: a page begins behind the last row of the one before. Ids count up with time.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rowhouse_chassis::error::Violations;
use rowhouse_chassis::page::PageSize;
use rowhouse_chassis::sealing::sha256;
use uuid::Uuid;

/// The first byte of a token, so that a later form can be told from this one.
const VERSION: u8 = 1;
/// How many bytes of its digest stand for the list that a token is of.
const LIST_LENGTH: usize = 8;

/// The page that a caller asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PageRequest {
    pub(super) size: PageSize,
    /// Only rows before this one.
    pub(super) before: Option<Uuid>,
}

/// The text is no page token of this list.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "send the next_page_token of the page before as it was, with the same other values, or leave it out for the first page"
)]
pub(super) struct InvalidPageToken;

impl PageRequest {
    /// `list`: what makes the list another one, its filter included. A token of one is refused by the others.
    pub(super) fn parse(size: i32, token: &str, list: &str, violations: &mut Violations) -> Option<Self> {
        let size = violations.check("page_size", PageSize::try_from(size));
        let before = if token.is_empty() { Ok(None) } else { decode(token, list).map(Some) };
        let before = violations.check("page_token", before);
        Some(Self { size: size?, before: before? })
    }

    /// Cuts what was found, one row more than the page if there are as many, and says where the next page begins.
    pub(super) fn cut<T>(&self, mut found: Vec<T>, list: &str, id: impl Fn(&T) -> Uuid) -> (Vec<T>, String) {
        let size = usize::from(self.size.get());
        let more = found.len() > size;
        found.truncate(size);
        let next = found.last().filter(|_| more).map(|last| encode(id(last), list));
        (found, next.unwrap_or_default())
    }
}

/// It only says where in the caller's own list to go on, so it is not signed.
fn encode(before: Uuid, list: &str) -> String {
    let digest = sha256(list.as_bytes());
    let list = digest.first_chunk::<LIST_LENGTH>().copied().unwrap_or_default();
    BASE64_URL_SAFE_NO_PAD.encode([&[VERSION][..], &list, before.as_bytes()].concat())
}

fn decode(text: &str, list: &str) -> Result<Uuid, InvalidPageToken> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).or(Err(InvalidPageToken))?;
    let Some((&VERSION, rest)) = bytes.split_first() else { return Err(InvalidPageToken) };
    let (of, id) = rest.split_first_chunk::<LIST_LENGTH>().ok_or(InvalidPageToken)?;
    if sha256(list.as_bytes()).first_chunk() != Some(of) {
        return Err(InvalidPageToken);
    }
    Uuid::from_slice(id).or(Err(InvalidPageToken))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_for_its_own_list_only() {
        let id = Uuid::now_v7();
        let token = encode(id, "a");
        assert_eq!(decode(&token, "a"), Ok(id));
        for (text, list) in
            [(token.as_str(), "b"), ("", "a"), ("x", "a"), (&token[1..], "a"), (&token[..8], "a")]
        {
            assert_eq!(decode(text, list), Err(InvalidPageToken), "{text}");
        }
    }

    #[test]
    fn a_page_has_a_next_one_when_more_was_found_than_it_shows() {
        let page = PageRequest { size: 2.try_into().unwrap(), before: None };
        let ids = [Uuid::from_u128(3), Uuid::from_u128(2), Uuid::from_u128(1)];
        assert_eq!(page.cut(ids[..2].to_vec(), "a", |id| *id), (ids[..2].to_vec(), String::new()));
        assert_eq!(page.cut(ids.to_vec(), "a", |id| *id), (ids[..2].to_vec(), encode(ids[1], "a")));
    }
}
