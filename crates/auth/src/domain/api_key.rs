//! Validation of new API keys.

use chrono::{DateTime, Utc};
use rowhouse_proto::PERMISSIONS;
use rowhouse_text::Text;
use rowhouse_tokens::Permission;

/// The number of characters at a key's end that are stored as plain text: enough to tell keys apart, and no help for
/// guessing. The beginnings of keys are alike in a tenant.
const HINT_LENGTH: usize = 4;

/// The name of a key.
pub(crate) type ApiKeyName = Text<100>;

/// Parses scopes. The result has each one once, in the order in which they were sent.
pub(crate) fn parse_scopes<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Vec<Permission>, String> {
    let mut scopes = Vec::new();
    for text in texts {
        let scope = find_permission(text).ok_or_else(|| {
            let known: Vec<_> = PERMISSIONS.iter().map(|one| one.as_str()).collect();
            let text: String = text.chars().take(64).collect();
            format!("{text:?} is no scope: the scopes are {}", known.join(", "))
        })?;
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    Ok(scopes)
}

/// Returns the permission of a name.
pub(crate) fn find_permission(name: &str) -> Option<Permission> {
    PERMISSIONS.iter().copied().find(|one| one.as_str() == name)
}

/// Parses an optional expiry, which must be in the future.
pub(crate) fn parse_expiry(
    time: Option<prost_types::Timestamp>,
) -> Result<Option<DateTime<Utc>>, &'static str> {
    let Some(prost_types::Timestamp { seconds, nanos }) = time else { return Ok(None) };
    let nanos = u32::try_from(nanos).or(Err("send a time"))?;
    let time = DateTime::from_timestamp(seconds, nanos).filter(|time| time.timestamp() < 253_402_300_800);
    match time {
        Some(time) if time > Utc::now() => Ok(Some(time)),
        Some(_) => Err("send a time in the future"),
        None => Err("send a time"),
    }
}

/// Returns the part of a key by which people recognise it.
pub(crate) fn hint(key: &str) -> String {
    let end = key.len().saturating_sub(HINT_LENGTH);
    format!("…{}", key.get(end..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use rowhouse_proto::orders::v1::permission;

    use super::*;

    #[test]
    fn names() {
        assert_eq!(" nightly export ".parse::<ApiKeyName>().unwrap().as_str(), "nightly export");
        for text in ["", "  ", "a\nb", "\u{200b}\u{200b}", &"a".repeat(101)] {
            assert!(text.parse::<ApiKeyName>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_hint_is_the_end() {
        assert_eq!(hint("rowhouse_ak_AaIHUKphcN"), "…phcN");
    }

    #[test]
    fn scopes_count_once() {
        let scopes = ["orders:write", "orders:read", "orders:write"].into_iter();
        assert_eq!(parse_scopes(scopes), Ok(vec![permission::ORDERS_WRITE, permission::ORDERS_READ]));
        let error = parse_scopes(["orders:*"].into_iter()).unwrap_err();
        assert!(error.starts_with("\"orders:*\" is no scope: ") && error.contains("orders:write"), "{error}");
        assert_eq!(parse_scopes([].into_iter()), Ok(Vec::new()));
    }

    #[test]
    fn an_end_lies_in_the_future() {
        let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        assert_eq!(parse_expiry(None), Ok(None));
        assert!(parse_expiry(at(Utc::now().timestamp() + 60)).unwrap().is_some());
        for time in [at(0), at(i64::MAX), Some(prost_types::Timestamp { seconds: 0, nanos: -1 })] {
            assert!(parse_expiry(time).is_err());
        }
    }
}
