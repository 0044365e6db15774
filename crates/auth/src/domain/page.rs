//! Pages of a list, by keyset: a page begins behind the last row of the one before, so that rows that are added
//! meanwhile are neither skipped nor shown twice.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use rowhouse_chassis::error::Violations;
use rowhouse_chassis::page::PageSize;
use uuid::Uuid;

use crate::sealing::sha256;

/// The first byte of a token, so that a later form can be told from this one.
const VERSION: u8 = 1;
/// How many bytes of its digest stand for the list that a token is of.
const LIST_LENGTH: usize = 8;

/// The place in a list behind which a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) at: DateTime<Utc>,
    pub(crate) id: Uuid,
}

/// The page that a caller asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageRequest {
    pub(crate) size: PageSize,
    /// Nothing for the first page.
    pub(crate) behind: Option<Place>,
}

/// The text is no page token of this list.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "send the next_page_token of the page before as it was, with the same other values, or leave it out for the first page"
)]
pub(crate) struct InvalidPageToken;

impl PageRequest {
    /// Reads what a caller sent. `list` is what makes the list another one, such as its filter; a token of one is
    /// refused by the others.
    pub(crate) fn parse(size: i32, token: &str, list: &str, violations: &mut Violations) -> Option<Self> {
        let size = violations.check("page_size", PageSize::try_from(size));
        let behind = if token.is_empty() { Ok(None) } else { decode(token, list).map(Some) };
        let behind = violations.check("page_token", behind);
        Some(Self { size: size?, behind: behind? })
    }

    /// Cuts what was found, one row more than the page if there are as many, and says where the next page begins.
    pub(crate) fn cut<T>(
        &self,
        mut found: Vec<T>,
        list: &str,
        place: impl Fn(&T) -> Place,
    ) -> (Vec<T>, String) {
        let size = usize::from(self.size.get());
        let more = found.len() > size;
        found.truncate(size);
        let next = found.last().filter(|_| more).map(|last| encode(place(last), list));
        (found, next.unwrap_or_default())
    }
}

/// It only says where in the caller's own list to go on, so it is not signed: a forged one leads to another page of
/// the same list.
fn encode(place: Place, list: &str) -> String {
    let mut bytes = vec![VERSION];
    bytes.extend(sha256(list.as_bytes()).first_chunk::<LIST_LENGTH>().copied().unwrap_or_default());
    bytes.extend(place.at.timestamp_micros().to_be_bytes());
    bytes.extend(place.id.as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(text: &str, list: &str) -> Result<Place, InvalidPageToken> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).or(Err(InvalidPageToken))?;
    let Some((&VERSION, rest)) = bytes.split_first() else { return Err(InvalidPageToken) };
    let (of, rest) = rest.split_first_chunk::<LIST_LENGTH>().ok_or(InvalidPageToken)?;
    let (micros, id) = rest.split_first_chunk::<8>().ok_or(InvalidPageToken)?;
    if sha256(list.as_bytes()).first_chunk() != Some(of) {
        return Err(InvalidPageToken);
    }
    let at = DateTime::from_timestamp_micros(i64::from_be_bytes(*micros)).ok_or(InvalidPageToken)?;
    Ok(Place { at, id: Uuid::from_slice(id).or(Err(InvalidPageToken))? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(size: i32, token: &str, list: &str) -> Option<PageRequest> {
        PageRequest::parse(size, token, list, &mut Violations::default())
    }

    #[test]
    fn a_token_leads_to_the_next_page_of_its_own_list() {
        let micros = |n: i64| DateTime::from_timestamp_micros(1_795_000_000_000_000 + n).unwrap();
        let rows: Vec<_> = (0..4).map(|n| Place { at: micros(n), id: Uuid::from_u128(9) }).collect();
        let (page, next) = parse(3, "", "members").unwrap().cut(rows.clone(), "members", |place| *place);
        assert_eq!(page, rows[..3]);
        assert_eq!(parse(3, &next, "members").unwrap().behind, Some(rows[2]));
        assert!(parse(3, &next, "sessions").is_none());
        let (page, next) = parse(4, "", "members").unwrap().cut(rows.clone(), "members", |place| *place);
        assert_eq!((page.len(), next.as_str()), (4, ""));
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for token in ["x", "AAAA", "%", &"A".repeat(1000), &BASE64_URL_SAFE_NO_PAD.encode([1; 32])] {
            assert!(parse(0, token, "").is_none(), "{token}");
        }
        assert!(parse(-1, "", "").is_none());
    }
}
