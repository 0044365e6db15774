//! Pages of a list (AIP-158), by keyset: a page begins after the last item of the previous one, so that items that are added
//! meanwhile are neither skipped nor shown twice.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::error::Violations;

/// The number of items on a page: 1 to 100, and 20 by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageSize(u8);

/// The error for a number that is not a page size.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("send 0 or more; 0 means {}, more than {} means {}", PageSize::DEFAULT.0, PageSize::MAX.0, PageSize::MAX.0)]
pub struct InvalidPageSize;

impl PageSize {
    const DEFAULT: Self = Self(20);
    const MAX: Self = Self(100);

    /// Returns the number of items.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// Returns the number of items plus one. The additional item shows whether there is a next page.
    #[must_use]
    pub fn and_one(self) -> i64 {
        i64::from(self.0) + 1
    }
}

impl TryFrom<i32> for PageSize {
    type Error = InvalidPageSize;

    fn try_from(size: i32) -> Result<Self, InvalidPageSize> {
        match size {
            ..0 => Err(InvalidPageSize),
            0 => Ok(Self::DEFAULT),
            1.. => Ok(u8::try_from(size).map_or(Self::MAX, |size| Self(size.min(Self::MAX.0)))),
        }
    }
}

/// The values that a list is ordered by: an item's place in it.
pub trait PageKey: Sized {
    /// Appends its bytes to a token.
    fn write(&self, token: &mut Vec<u8>);
    /// Reads it from the beginning of `bytes`, and returns the rest.
    fn read(bytes: &[u8]) -> Option<(Self, &[u8])>;
}

impl PageKey for i64 {
    fn write(&self, token: &mut Vec<u8>) {
        token.extend(self.to_be_bytes());
    }

    fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (number, rest) = bytes.split_first_chunk()?;
        Some((Self::from_be_bytes(*number), rest))
    }
}

impl PageKey for Uuid {
    fn write(&self, token: &mut Vec<u8>) {
        token.extend(self.as_bytes());
    }

    fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (id, rest) = bytes.split_first_chunk()?;
        Some((Self::from_bytes(*id), rest))
    }
}

/// A time is written in microseconds, the precision of PostgreSQL.
impl PageKey for DateTime<Utc> {
    fn write(&self, token: &mut Vec<u8>) {
        self.timestamp_micros().write(token);
    }

    fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (micros, rest) = i64::read(bytes)?;
        Some((Self::from_timestamp_micros(micros)?, rest))
    }
}

impl<A: PageKey, B: PageKey> PageKey for (A, B) {
    fn write(&self, token: &mut Vec<u8>) {
        self.0.write(token);
        self.1.write(token);
    }

    fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (first, rest) = A::read(bytes)?;
        let (second, rest) = B::read(rest)?;
        Some(((first, second), rest))
    }
}

/// The error for a text that is not a page token of this list.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "send the next_page_token of the previous page unchanged, with the same filters, or leave it out for the first page"
)]
pub struct InvalidPageToken;

/// A request for a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest<K> {
    /// The maximum number of items.
    pub size: PageSize,
    /// The place after which the page begins, or `None` for the first page.
    pub after: Option<K>,
    list: ListDigest,
}

/// The digest of a list's name and filters, of which this much is in each token.
type ListDigest = [u8; 8];

/// The version of the token format, a token's first byte. Version 1 had several forms.
const VERSION: u8 = 2;

impl<K: PageKey> PageRequest<K> {
    /// Reads the fields `page_size` and `page_token` of a request. `list` names the list and the filters of the request: a token
    /// of another one is refused.
    pub fn parse(size: i32, token: &str, list: &str, violations: &mut Violations) -> Option<Self> {
        let digest = Sha256::digest(list);
        let list = digest.first_chunk().copied().unwrap_or_default();
        let size = violations.check("page_size", PageSize::try_from(size));
        let after = if token.is_empty() { Ok(None) } else { decode(token, list).map(Some) };
        let after = violations.check("page_token", after);
        Some(Self { size: size?, after: after?, list })
    }

    /// Returns the page's items, and the token of the next page, or an empty text if there is none. `found` has one item more than
    /// the page ([`PageSize::and_one`]) if the list has as many.
    pub fn cut<T>(&self, found: Vec<T>, key: impl Fn(&T) -> K) -> (Vec<T>, String) {
        self.cut_where(found, |_| true, key)
    }

    /// Does the same as [`PageRequest::cut`] and ends the page early, before the first item that does not fit. The first item has to.
    pub fn cut_where<T>(
        &self,
        found: Vec<T>,
        fits: impl FnMut(&T) -> bool,
        key: impl Fn(&T) -> K,
    ) -> (Vec<T>, String) {
        let all = found.len();
        let page: Vec<T> = found.into_iter().take(self.size.get().into()).take_while(fits).collect();
        let last = page.last().filter(|_| page.len() < all);
        let next = last.map(|last| encode(&key(last), self.list)).unwrap_or_default();
        (page, next)
    }
}

/// Encodes a token. It is not signed, since it contains only a place in a list that the caller may read: a forged token leads
/// to another page of the same list.
fn encode(key: &impl PageKey, list: ListDigest) -> String {
    let mut token = vec![VERSION];
    token.extend(list);
    key.write(&mut token);
    BASE64_URL_SAFE_NO_PAD.encode(token)
}

fn decode<K: PageKey>(token: &str, list: ListDigest) -> Result<K, InvalidPageToken> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).or(Err(InvalidPageToken))?;
    let Some((&VERSION, rest)) = bytes.split_first() else { return Err(InvalidPageToken) };
    let (of, rest) = rest.split_first_chunk().ok_or(InvalidPageToken)?;
    match K::read(rest) {
        Some((key, [])) if *of == list => Ok(key),
        _ => Err(InvalidPageToken),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use super::*;

    #[test]
    fn sizes() {
        for (size, shown) in [(0, 20), (1, 1), (100, 100), (101, 100), (256, 100), (i32::MAX, 100)] {
            assert_eq!(PageSize::try_from(size).map(PageSize::get), Ok(shown), "{size}");
        }
        for size in [-1, i32::MIN] {
            assert_eq!(PageSize::try_from(size), Err(InvalidPageSize));
        }
    }

    fn parse<K: PageKey>(size: i32, token: &str, list: &str) -> Option<PageRequest<K>> {
        PageRequest::parse(size, token, list, &mut Violations::default())
    }

    /// Follows the pages of a list of four items.
    fn follow<K: PageKey + Copy + Debug + PartialEq>(items: [K; 4]) {
        let first = parse::<K>(3, "", "orders paid").unwrap();
        assert_eq!(first.after, None);
        let (page, next) = first.cut(items.to_vec(), |item| *item);
        assert_eq!(page, items[..3]);
        assert_eq!(parse::<K>(3, &next, "orders paid").unwrap().after, Some(items[2]));
        assert!(parse::<K>(3, &next, "orders placed").is_none(), "{next} is of another list");
        for wrong in [&next[1..], &next[..next.len() - 1], &format!("{next}A"), &format!("{next}=="), "x"] {
            assert!(parse::<K>(3, wrong, "orders paid").is_none(), "{wrong}");
        }
        for (size, shown) in [(4, 4), (5, 4)] {
            let (page, next) = parse::<K>(size, "", "").unwrap().cut(items.to_vec(), |item| *item);
            assert_eq!((page.len(), next.as_str()), (shown, ""));
        }
    }

    #[test]
    fn a_token_leads_to_the_next_page_of_its_own_list() {
        let at = |micros| DateTime::from_timestamp_micros(micros).unwrap();
        follow([i64::MAX, 20, 1, i64::MIN]);
        follow([4, 3, 2, 1].map(Uuid::from_u128));
        follow([4, 3, 2, -1].map(|micros| (at(micros), Uuid::from_u128(1))));
    }

    #[test]
    fn a_page_ends_early_before_what_does_not_fit() {
        let page = parse::<i64>(3, "", "").unwrap();
        let (shown, next) = page.cut_where(vec![9, 8, 3], |item| *item > 5, |item| *item);
        assert_eq!((shown, parse::<i64>(3, &next, "").unwrap().after), (vec![9, 8], Some(8)));
    }

    #[test]
    fn a_token_of_another_version_and_a_time_out_of_range_are_refused() {
        let of = |version: u8, key: [u8; 8]| {
            let list = Sha256::digest("");
            BASE64_URL_SAFE_NO_PAD.encode([&[version][..], &list[..8], &key].concat())
        };
        assert!(parse::<i64>(1, &of(VERSION, [1; 8]), "").is_some());
        assert!(parse::<i64>(1, &of(1, [1; 8]), "").is_none());
        assert!(parse::<DateTime<Utc>>(1, &of(VERSION, [0x7f; 8]), "").is_none());
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let mut violations = Violations::default();
        assert!(PageRequest::<i64>::parse(-1, "x", "", &mut violations).is_none());
        let fields: Vec<_> = Vec::from(violations).into_iter().map(|violation| violation.field).collect();
        assert_eq!(fields, ["page_size", "page_token"]);
    }
}
