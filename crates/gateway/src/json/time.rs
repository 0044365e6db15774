//! Times, as RFC 3339 has them.

use std::fmt;

use prost_types::Timestamp;
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserializer, Serializer};

/// Writes a time in UTC.
pub(crate) fn rfc3339<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

/// Writes a time in UTC, or null.
#[allow(clippy::ref_option, reason = "serde hands over the field as it is")]
pub(crate) fn optional_rfc3339<S: Serializer>(
    time: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => rfc3339(time, serializer),
        None => serializer.serialize_none(),
    }
}

/// Reads a time of any offset, or null.
pub(crate) fn optional_time<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    deserializer.deserialize_option(OptionalTime)
}

struct OptionalTime;

impl<'de> Visitor<'de> for OptionalTime {
    type Value = Option<Timestamp>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time such as 2026-11-23T08:30:00Z")
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        // The parser takes a date alone, and a time without an offset, as well.
        let time = if is_whole(text) { text.parse().ok() } else { None };
        time.map(Some).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

/// Whether a text has the parts of RFC 3339's date-time: a date, `T`, and a time with an offset.
fn is_whole(text: &str) -> bool {
    let Some((date, time)) = text.split_once(['T', 't']) else { return false };
    date.len() == 10 && (time.ends_with(['Z', 'z']) || time.contains(['+', '-']))
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};
    use serde_json::{Value, json};

    use super::*;

    #[derive(Debug, Deserialize, Serialize)]
    struct Dated {
        #[serde(serialize_with = "optional_rfc3339", deserialize_with = "optional_time", default)]
        at: Option<Timestamp>,
    }

    fn read(value: &Value) -> Result<Option<Timestamp>, String> {
        serde_json::from_value::<Dated>(json!({ "at": value })).map(|it| it.at).map_err(|it| it.to_string())
    }

    #[test]
    fn times_are_written_in_utc_with_z() {
        let written = |at: Option<Timestamp>| serde_json::to_value(Dated { at }).unwrap()["at"].clone();
        let time = |seconds, nanos| Some(Timestamp { seconds, nanos });
        assert_eq!(written(time(1_795_000_000, 0)), json!("2026-11-18T11:06:40Z"));
        assert_eq!(written(time(1_795_000_000, 123_456_000)), json!("2026-11-18T11:06:40.123456Z"));
        assert_eq!(written(time(0, 500_000_000)), json!("1970-01-01T00:00:00.500Z"));
        assert_eq!(written(None), Value::Null);
    }

    #[test]
    fn times_are_read_with_their_offset() {
        for (text, seconds, nanos) in [
            ("2026-11-18T11:06:40Z", 1_795_000_000, 0),
            ("2026-11-18t12:06:40.25+01:00", 1_795_000_000, 250_000_000),
            ("1969-12-31T23:59:59Z", -1, 0),
        ] {
            assert_eq!(read(&json!(text)), Ok(Some(Timestamp { seconds, nanos })), "{text}");
        }
        assert_eq!(read(&Value::Null), Ok(None));
        assert_eq!(serde_json::from_str::<Dated>("{}").unwrap().at, None);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for wrong in [
            json!(""),
            json!("2026-11-18"),
            json!("2026-11-18T11:06:40"),
            json!("2026-11-18 11:06:40Z"),
            json!("2026-13-18T11:06:40Z"),
            json!("2026-02-30T11:06:40Z"),
            json!("2026-11-18T25:06:40Z"),
            json!("20261118T110640Z"),
            json!("tomorrow"),
            json!("é026-11-18T11:06:40Z"),
            json!(1_795_000_000),
            json!(["2026-11-18T11:06:40Z"]),
        ] {
            let error = read(&wrong).unwrap_err();
            assert!(error.contains("expected a time such as 2026-11-23T08:30:00Z"), "{wrong}: {error}");
        }
    }
}
