//! Ids and times in messages, for every service.

use std::time::SystemTime;

use chrono::{DateTime, Utc};
use prost_types::Timestamp;
use uuid::Uuid;

/// The error of parsing a text that is not an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("send an id, a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057")]
pub struct InvalidId;

/// Parses an id.
pub fn parse_id(text: &str) -> Result<Uuid, InvalidId> {
    Uuid::try_parse(text).or(Err(InvalidId))
}

/// Converts a time to its form in messages.
#[must_use]
pub fn timestamp(time: DateTime<Utc>) -> Timestamp {
    SystemTime::from(time).into()
}

/// Formats a time for JSON: in UTC, with as many digits as it needs.
#[must_use]
pub fn rfc3339(time: DateTime<Utc>) -> String {
    timestamp(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_their_nanoseconds() {
        for (seconds, nanos, text) in
            [(0, 0, "1970-01-01T00:00:00Z"), (1_700_000_000, 120_000_000, "2023-11-14T22:13:20.120Z")]
        {
            let time = DateTime::from_timestamp(seconds, nanos).unwrap();
            assert_eq!(timestamp(time), Timestamp { seconds, nanos: nanos.cast_signed() });
            assert_eq!(rfc3339(time), text);
        }
    }

    #[test]
    fn what_is_no_uuid_is_no_id() {
        let id = Uuid::now_v7();
        assert_eq!(parse_id(&id.to_string()), Ok(id));
        assert_eq!(parse_id("42"), Err(InvalidId));
    }
}
